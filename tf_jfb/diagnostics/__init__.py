"""What can be measured on a trained model: how good its gradient is."""

from tf_jfb.diagnostics.audit import GradientAudit, audit_gradient

__all__ = ["GradientAudit", "audit_gradient"]
