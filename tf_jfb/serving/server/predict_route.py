"""TensorFlow Serving's REST API: status, metadata and `:predict`."""

import asyncio
import json

import fastapi

from tf_jfb.serving.server import describe, documents, tensors
from tf_jfb.serving.server.calls import Call
from tf_jfb.serving.server.deblur_route import checked
from tf_jfb.serving.server.documents import Name, Version
from tf_jfb.serving.server.refused import RefusedError

router = fastapi.APIRouter(tags=["TensorFlow Serving"])


@router.post("/v1/models/{name}:predict", **documents.PREDICT)
async def predict(request: fastapi.Request, name: Name):
    """Runs a signature."""
    return await _predicted(request, name, None)


@router.post("/v1/models/{name}/versions/{version}:predict", **documents.PREDICT)
async def predict_by_version(request: fastapi.Request, name: Name, version: Version):
    """The same, if this version is the one that serves."""
    return await _predicted(request, name, version)


@router.get("/v1/models/{name:plain}", responses=documents.ERRORS)
async def status(request: fastapi.Request, name: Name) -> dict:
    """States of a model's versions."""
    return describe.status_of(request.app.state.store.status(name))


@router.get("/v1/models/{name:plain}/versions/{version:plain}", responses=documents.ERRORS)
async def status_by_version(request: fastapi.Request, name: Name, version: Version) -> dict:
    """State of one version."""
    return describe.status_of(request.app.state.store.status(name, version))


@router.get("/v1/models/{name:plain}/metadata", responses=documents.ERRORS)
async def metadata(request: fastapi.Request, name: Name) -> dict:
    """Signatures of a model, and what is known of it."""
    return await _metadata(request, name, None)


@router.get("/v1/models/{name:plain}/versions/{version:plain}/metadata", responses=documents.ERRORS)
async def metadata_by_version(request: fastapi.Request, name: Name, version: Version) -> dict:
    """The same, if this version is the one that serves."""
    return await _metadata(request, name, version)


async def _metadata(request, name, version):
    with request.app.state.store.lease(name, version) as model:
        return await asyncio.to_thread(describe.metadata_of, model)


async def _predicted(request, name, version):
    state, body = request.app.state, await request.body()
    with state.store.lease(name, version) as model:
        content = await asyncio.to_thread(tensors.parsed, body)
        signature = content.get("signature_name") or "serving_default"
        if signature not in model.signatures:
            known = sorted(model.signatures)
            reason = f"`signature_name` must be one of {known}. Received: {signature[:80]!r}"
            raise RefusedError(400, reason)
        specs = model.signatures[signature].structured_input_signature[1]
        inputs = await asyncio.to_thread(tensors.tensors_of, content, specs, state.settings)
        outcome = checked(await state.submit(Call(model, signature, inputs)))
    request.scope["state"]["told"] = {"model": name, "version": model.version}
    text = await asyncio.to_thread(lambda: json.dumps(tensors.answer_of(content, outcome)))
    return fastapi.Response(text, media_type="application/json")
