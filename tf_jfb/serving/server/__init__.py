"""A server of exported models: what needs no web framework; `app` and `ray_serve` need theirs."""

from tf_jfb.serving.server.batcher import Batcher, Solver
from tf_jfb.serving.server.jobs import Job
from tf_jfb.serving.server.refused import RefusedError
from tf_jfb.serving.server.settings import Settings
from tf_jfb.serving.server.store import ModelStore

__all__ = ["Batcher", "Job", "ModelStore", "RefusedError", "Settings", "Solver"]
