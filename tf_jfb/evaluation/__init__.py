"""Exported models beside baselines in the field's protocols, and the report of one restoration."""

from tf_jfb.evaluation import evaluate, report

__all__ = ["evaluate", "report"]
