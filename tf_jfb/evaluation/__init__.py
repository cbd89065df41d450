"""Exported models beside baselines in the field's protocols, and the report of one restoration."""

from tf_jfb.evaluation import evaluate, report
from tf_jfb.evaluation.comparison import Comparison
from tf_jfb.evaluation.protocols import PROTOCOLS, Protocol
from tf_jfb.evaluation.tellings import TELLINGS, Telling

__all__ = ["PROTOCOLS", "TELLINGS", "Comparison", "Protocol", "Telling", "evaluate", "report"]
