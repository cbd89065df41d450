"""A page to try a model on: what is done with what is asked; `layout` needs Gradio."""

from tf_jfb.serving.page.asked import Asked, Limits
from tf_jfb.serving.page.work import Opened, Step, opened, restored

__all__ = ["Asked", "Limits", "Opened", "Step", "opened", "restored"]
