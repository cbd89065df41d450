"""The page at an address: who may see it, and what the browser may fetch for it."""

import contextlib
import functools
import hmac
import os
import tempfile

import gradio as gr
from PIL import Image
from starlette.middleware import Middleware

from tf_jfb.serving.page import blurs
from tf_jfb.serving.page.asked import Limits
from tf_jfb.serving.page.layout import CSS, EDGES, FONTS, Page

# The browser fetches from this server alone, and shows the page in no other.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:;"
    " style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:;"
    " connect-src 'self' data: blob:; worker-src 'self' blob:; frame-ancestors 'none';"
    " base-uri 'self'; form-action 'self'; object-src 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


@contextlib.contextmanager
def served(model, host: str, port: int | None, limits: Limits, token: str | None = None):
    """The page for `model`, of which it gives the address; photographs are forgotten at the end.

    Args:
        model: an `ExportedModel`.
        host, port: where it listens; None: the first free port from 7860.
        limits: what it takes.
        token: a password that is asked for, with any name.

    Raises OSError if it cannot listen there.
    """
    # Of drawings, which Gradio decodes; photographs are looked at before they are decoded.
    Image.MAX_IMAGE_PIXELS = max(limits.pixels, blurs.CANVAS**2)
    with tempfile.TemporaryDirectory(prefix="tf_jfb-page-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        page = Page(model, limits, folder)
        _, address, _ = page.blocks.launch(
            server_name=host,
            server_port=port,
            auth=None if token is None else functools.partial(_knows, token),
            max_file_size=limits.bytes,
            share=False,
            quiet=True,
            prevent_thread_lock=True,
            enable_monitoring=False,
            run_history=False,
            ssr_mode=False,
            footer_links=[],
            theme=gr.themes.Soft(**FONTS).set(**EDGES),
            css=CSS,
            app_kwargs={"middleware": [Middleware(SafeHeaders)]},
        )
        try:
            yield address
        finally:
            page.blocks.close()


class SafeHeaders:
    """An ASGI middleware that adds `HEADERS` to every answer."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def with_headers(message):
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


def _knows(token, name, password) -> bool:
    return hmac.compare_digest(password.encode(), token.encode())
