"""Show a page in the browser on which people restore photographs of their own."""

import signal
import sys
import threading

from tf_jfb.cli._shared import first_line, import_tensorflow

EXAMPLE = """
examples:
  %(prog)s
  %(prog)s --model saved_models/mine --port 7870
  %(prog)s --host 0.0.0.0 --token-file token

Needs Gradio: pip install 'tf_jfb[page]'. It listens on this machine alone unless --host says
otherwise, and that asks for a token. docs/page.md says more.
"""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def add_arguments(p) -> None:
    p.add_argument("--model", default="deblur", help="exported model: a name or folder (deblur)")
    p.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    p.add_argument("--port", type=int, default=7860, help="(%(default)s)")
    p.add_argument("--token-file", metavar="FILE", help="its first line is asked for as password")
    p.add_argument("--pixels", type=int, default=1 << 24, help="of a photograph (%(default)s)")


def run(args) -> None:
    if not 0 < args.port < 65536 or args.pixels < 1:
        raise ValueError("--port must lie in 1 to 65535 and --pixels be positive")
    if args.host not in LOOPBACK and args.token_file is None:
        raise ValueError("--host beyond this machine needs --token-file")
    token = None if args.token_file is None else first_line(args.token_file)
    import_tensorflow(keep_memory=True)
    try:
        from tf_jfb.serving.page.launch import served
    except ImportError as error:
        raise RuntimeError(f"The page needs Gradio ({error}): pip install 'tf_jfb[page]'") from None
    from tf_jfb.exported import ExportedModel
    from tf_jfb.serving.page import Limits

    model = ExportedModel.open(args.model)
    with served(model, args.host, args.port, Limits(pixels=args.pixels), token) as address:
        print(f"the page is at {address}", file=sys.stderr, flush=True)
        _wait()


def _wait() -> None:
    """Until SIGINT or SIGTERM."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    while not ended.wait(1.0):
        pass
