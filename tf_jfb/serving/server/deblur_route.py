"""`POST /v1/models/NAME:deblur`: a picture in, a picture out."""

import asyncio
import base64
import re

import fastapi
from python_multipart.multipart import parse_options_header

from tf_jfb._validate import finite
from tf_jfb.data.image_io import encode_image
from tf_jfb.serving._reasons import reason_of
from tf_jfb.serving.server import documents
from tf_jfb.serving.server.documents import Name, Version
from tf_jfb.serving.server.fields import job_of, read_form
from tf_jfb.serving.server.jobs import status_of
from tf_jfb.serving.server.refused import RefusedError

router = fastapi.APIRouter(tags=["deblur"])


@router.post("/v1/models/{name}:deblur", **documents.DEBLUR)
async def deblur(request: fastapi.Request, name: Name):
    """Restores one picture."""
    return await _deblurred(request, name, None)


@router.post("/v1/models/{name}/versions/{version}:deblur", **documents.DEBLUR)
async def deblur_by_version(request: fastapi.Request, name: Name, version: Version):
    """The same, if this version is the one that serves."""
    return await _deblurred(request, name, version)


async def _deblurred(request, name, version):
    state, settings = request.app.state, request.app.state.settings
    fields = await read_form(request, settings)
    with state.store.lease(name, version) as model:
        arrived = request.scope["state"]["arrived"]
        job = await asyncio.to_thread(job_of, fields, model, settings, arrived)
        outcome = await state.submit(job)
    restored = checked(outcome)
    told = {
        "status": status_of(restored),
        "residual": finite(restored.residual),
        "evaluations": restored.evaluations,
        "noise": restored.noise,
        "estimated": restored.estimated,
        "doubt": restored.doubt,
        "model": name,
        "version": model.version,
    }
    request.scope["state"]["told"] = told
    png = await asyncio.to_thread(encode_image, restored.photo, "restored.png")
    if _prefers_json(",".join(request.headers.getlist("accept"))):
        picture = {"b64": base64.b64encode(png).decode()}
        return fastapi.responses.JSONResponse({**told, "image": picture})
    texts = {key: str(v) for key, v in told.items() if v is not None}
    texts["estimated"] = texts["estimated"].lower()
    headers = {f"X-Deblur-{key.title()}": text for key, text in texts.items()}
    return fastapi.Response(png, media_type="image/png", headers=headers)


def checked(outcome):
    """`outcome`, or the exception that it is: a fault of the request's as RefusedError, 400."""
    import tensorflow as tf

    if isinstance(outcome, (ValueError, tf.errors.InvalidArgumentError)):
        raise RefusedError(400, reason_of(outcome)[:500]) from None
    if isinstance(outcome, tf.errors.ResourceExhaustedError):
        raise RefusedError(413, "The image needs more memory than the server has.") from None
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _prefers_json(accept: str) -> bool:
    """Whether it names JSON, with no less weight than PNG."""
    pairs = [parse_options_header(one.strip()) for one in accept.split(",")]
    weights = {kind: _weight(options.get(b"q", b"1")) for kind, options in pairs}
    json = weights.get(b"application/json", 0.0)
    return json > 0 and json >= weights.get(b"image/png", 0.0)


def _weight(text: bytes) -> float:
    return float(text) if re.fullmatch(rb"[01](\.\d*)?", text) else 0.0
