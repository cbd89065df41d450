"""The application as a deployment of Ray Serve, on this machine or on a cluster."""

import logging
import os

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told of this server

import ray
from ray import serve

from tf_jfb.serving.server.store import ModelStore

NAME = "tf-jfb"
DRAIN_SECONDS = 60.0  # that a replica is given to answer what it has taken


class BatchedByServe:
    """Answers jobs by a `Solver`, `serve.batch` gathering them."""

    def __init__(self, solver):
        self._solver, settings = solver, solver.settings

        @serve.batch(
            max_batch_size=settings.max_batch,
            batch_wait_timeout_s=settings.batch_wait,
        )
        async def together(jobs):
            return await solver.solve(jobs)

        self._together = together

    async def __call__(self, job):
        """The outcome of `job`."""
        return await self._together(job)


def deployment(models: str, settings, replicas: int = 1):
    """What `serve.run` takes: `replicas` of the application over the models below `models`.

    Each loads the models itself and is ready when they are warm; all must see the same folder.
    """

    def build():
        from tf_jfb.serving.server.app import create_app, log_to_standard_error

        log_to_standard_error()
        store = ModelStore(models)
        store.scan()
        return create_app(store, settings, BatchedByServe)

    @serve.deployment(
        name=NAME,
        num_replicas=replicas,
        max_ongoing_requests=4 * settings.max_queue,  # the application itself answers 429
        max_queued_requests=4 * settings.max_queue,
        graceful_shutdown_timeout_s=DRAIN_SECONDS,
        graceful_shutdown_wait_loop_s=0.1,
        health_check_period_s=5.0,
    )
    @serve.ingress(build)
    class Server:
        pass

    return Server.bind()


def start(models, settings, host, port, address=None, replicas=1) -> None:
    """Starts the deployment and returns when it answers.

    Args:
        models: folder of the models, which every machine must see.
        settings: a `Settings`.
        host, port: where the proxies listen.
        address: of a running Ray cluster, "auto" or ray://HOST:PORT; None or "local": one
            of this process.
        replicas: processes with a copy of the models.
    """
    if address in (None, "local"):
        own = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        ray.init("local", log_to_driver=True, logging_level=logging.WARNING, **own)
    else:
        ray.init(address=address, logging_level=logging.WARNING)
    serve.start(http_options={"host": host, "port": port})
    app = deployment(str(models), settings, replicas)
    serve.run(app, name=NAME, route_prefix="/")


def stop() -> None:
    """Takes no more requests, answers those that were taken, and leaves Ray."""
    serve.delete(NAME)
    serve.shutdown()
    ray.shutdown()


def app(args: dict):
    """For a configuration file of Ray Serve: `args` of `models`, `replicas` and of `Settings`."""
    from tf_jfb.serving.server.settings import Settings

    options = dict(args)
    models, replicas = options.pop("models"), options.pop("replicas", 1)
    return deployment(models, Settings(**options), replicas)
