"""The web application: routes over a `ModelStore`, whatever starts it."""

import contextlib
import logging

import fastapi
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from tf_jfb._version import __version__
from tf_jfb.serving.server import deblur_route, predict_route
from tf_jfb.serving.server.batcher import Batcher, Solver
from tf_jfb.serving.server.guard import Guard
from tf_jfb.serving.server.metrics import Metrics
from tf_jfb.serving.server.refused import RefusedError

BEARER = HTTPBearer(auto_error=False)  # for the description: `Guard` has looked at it before
_log = logging.getLogger("tf_jfb.server")


def create_app(store, settings, make_batcher=Batcher) -> fastapi.FastAPI:
    """The application, of which `uvicorn.run(create_app(store, settings))` is a server.

    While it runs, `store` watches its folder.

    Args:
        store: a `ModelStore`.
        settings: a `Settings`.
        make_batcher: makes of a `Solver` the coroutine function that answers one `Job`.
    """
    metrics = Metrics()
    solver = Solver(settings, metrics.observe)

    @contextlib.asynccontextmanager
    async def lifespan(_):
        store.watch(settings.poll_seconds)
        yield
        store.close()
        solver.thread.shutdown()

    app = fastapi.FastAPI(title="tf_jfb", version=__version__, lifespan=lifespan)
    app.state.store, app.state.settings, app.state.metrics = store, settings, metrics
    app.state.solver, app.state.submit = solver, make_batcher(solver)
    app.add_middleware(Guard, settings=settings, metrics=metrics)
    for kind in (RefusedError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, _told)
    asked = [] if settings.token is None else [fastapi.Depends(BEARER)]
    app.include_router(_health())
    for router in (_numbers(), deblur_route.router, predict_route.router):
        app.include_router(router, dependencies=asked)
    return app


def log_to_standard_error() -> None:
    """One line of JSON per request, and what is found in the folder of the models."""
    _log.setLevel(logging.INFO)
    if not _log.handlers:
        _log.addHandler(logging.StreamHandler())
    _log.propagate = False


def _health() -> fastapi.APIRouter:
    router = fastapi.APIRouter(tags=["server"])

    @router.get("/healthz")
    async def healthz() -> dict:
        """Whether the server answers."""
        return {"status": "alive"}

    @router.get("/readyz", responses={503: {"description": "No model is warm yet."}})
    async def readyz(request: fastapi.Request) -> dict:
        """Whether it can restore: a model is loaded and warm."""
        store = request.app.state.store
        if not store.ready:
            raise RefusedError(503, "No model is ready.", {"Retry-After": "5"})
        return {"status": "ready", "models": store.names}

    return router


def _numbers() -> fastapi.APIRouter:
    router = fastapi.APIRouter(tags=["server"])

    @router.get("/metrics", response_class=fastapi.responses.PlainTextResponse)
    async def metrics(request: fastapi.Request):
        """In Prometheus's format."""
        text = request.app.state.metrics.text()
        return fastapi.Response(text, media_type="text/plain; version=0.0.4")

    return router


async def _told(request, error):
    """An exception as an answer: its reason, as TensorFlow Serving writes it."""
    headers = getattr(error, "headers", None)
    if isinstance(error, RefusedError):
        code, reason = error.status, error.reason
    elif isinstance(error, HTTPException):
        code, reason = error.status_code, str(error.detail)
    elif isinstance(error, RequestValidationError):
        code, reason = 400, "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in error.errors())
    else:
        _log.error("a request failed: %s", type(error).__name__, exc_info=error)
        code, reason = 500, "The server failed; its log says why."
    return fastapi.responses.JSONResponse({"error": reason}, code, headers)
