"""Serve exported models over HTTP: deblurring, and TensorFlow Serving's REST API."""

import os
import pathlib
import secrets
import signal
import sys
import threading

from tf_jfb.cli._shared import first_line, import_tensorflow

EXAMPLE = """
examples:
  %(prog)s --models saved_models
  %(prog)s --models saved_models --host 0.0.0.0 --port 8501 --token-file token
  %(prog)s --models /shared/models --address auto --replicas 4

Needs Ray Serve: pip install 'tf_jfb[serve]'. It listens on this machine alone unless --host says
otherwise, but for one port of Ray's for every replica, which asks for a secret: --plain has none. A
SavedModel is a program: serve only models that you trust. docs/serving.md says more.
"""
MAX_HEADERS = 64 << 10  # bytes of all of a request; uvicorn's faster parser has no limit
# Ray's own ports: on the loopback, whatever the system, and for those who have its secret.
ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}


def add_arguments(p) -> None:
    p.add_argument("--models", required=True, metavar="DIR", help="that holds NAME/VERSION")
    p.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    p.add_argument("--port", type=int, default=8501, help="(%(default)s)")
    p.add_argument("--address", metavar="RAY", help="of a Ray cluster: auto or ray://HOST:PORT")
    p.add_argument("--replicas", type=int, default=1, help="processes with the models (1)")
    p.add_argument("--token-file", metavar="FILE", help="its first line must come as Bearer token")
    p.add_argument("--plain", action="store_true", help="in this process, without Ray")
    p.add_argument("--batch", type=int, default=8, help="images of a solve, at most (%(default)s)")
    p.add_argument("--queue", type=int, default=64, help="requests at once (%(default)s)")
    p.add_argument("--pixels", type=int, default=1 << 22, help="of an image (%(default)s)")


def run(args) -> None:
    if not pathlib.Path(args.models).is_dir():
        raise ValueError(f"`models` must be a folder. Received: models={args.models!r}")
    if args.plain and (args.address or args.replicas != 1):
        raise ValueError("--plain takes neither --address nor --replicas")
    if args.replicas < 1 or not 0 < args.port < 65536:
        raise ValueError("--replicas must be >= 1 and --port lie in 1 to 65535")
    token = None if args.token_file is None else first_line(args.token_file)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import_tensorflow()
    from tf_jfb.serving.server import Settings

    limits = {"max_batch": args.batch, "max_queue": args.queue, "max_pixels": args.pixels}
    settings = Settings(token=token, **limits)
    try:
        (_plain if args.plain else _on_ray)(args, settings)
    except ImportError as error:
        raise RuntimeError(
            f"The server needs Ray Serve ({error}): pip install 'tf_jfb[serve]'"
        ) from None


def _plain(args, settings) -> None:
    """By uvicorn, which answers what it has taken before it ends by SIGTERM."""
    import uvicorn

    from tf_jfb.serving.server import ModelStore
    from tf_jfb.serving.server.app import create_app, log_to_standard_error

    app = create_app(ModelStore(args.models), settings)
    log_to_standard_error()
    where = {"host": args.host, "port": args.port}
    limits = {"http": "h11", "h11_max_incomplete_event_size": MAX_HEADERS}
    uvicorn.run(app, log_level="warning", server_header=False, **where, **limits)


def _on_ray(args, settings) -> None:
    if args.address in (None, "local"):  # before Ray is imported, which reads them then
        os.environ |= ALONE | {"RAY_AUTH_TOKEN": secrets.token_hex(32)}
    from tf_jfb.serving.server import ray_serve

    ended, models = threading.Event(), os.path.abspath(args.models)
    ray_serve.start(models, settings, args.host, args.port, args.address, args.replicas)
    for number in (signal.SIGTERM, signal.SIGINT):  # after Ray, which has handlers of its own
        signal.signal(number, lambda *_: ended.set())
    try:
        print(f"serving {models} on http://{args.host}:{args.port}", file=sys.stderr, flush=True)
        while not ended.wait(1.0):
            pass
    finally:
        ray_serve.stop()
