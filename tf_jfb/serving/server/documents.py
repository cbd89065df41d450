"""What the OpenAPI description says of the routes beyond their parameters."""

from typing import Annotated

import fastapi
from starlette import convertors

from tf_jfb.exported import ENSEMBLES
from tf_jfb.serving.server.fields import CHOICES


class _Plain(convertors.StringConvertor):
    """Of a path, a part without the colon that a verb follows: {name:plain}."""

    regex = "[^/:]+"


convertors.register_url_convertor("plain", _Plain())
Name = Annotated[str, fastapi.Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,99}$")]
Version = Annotated[str, fastapi.Path(pattern=r"^(0|[1-9][0-9]{0,17})$")]

_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
_REASONS = {
    400: "The request is wrong; `error` says how.",
    401: "The server's token is missing.",
    404: "There is no such model or version.",
    408: "The body came too slowly.",
    413: "Something is too large.",
    415: "The body is of another type.",
    429: "The queue is full; Retry-After says when to come again.",
    503: "No model is ready.",
}
ERRORS = {
    code: {"description": text, "content": {"application/json": {"schema": _ERROR}}}
    for code, text in _REASONS.items()
}
# FastAPI's own, which the server does not use: it answers 400.
ERRORS[422] = {**ERRORS[400], "description": "Not used."}


def _number(kind, text, **limits):
    return {"type": kind, "description": text, **limits}


_FIELDS = {
    "image": {"type": "string", "format": "binary", "description": "JPEG, PNG, TIFF, FITS, ..."},
    "kernel": {
        "type": "string",
        "description": "a file, or a name such as gaussian:5:1.0; for a model of any blur",
    },
    "noise": _number("number", "standard deviation over white; else estimated"),
    "rtol": _number("number", "relative tolerance; else the model's"),
    "max_evaluations": _number("integer", "cap of the solve; else the model's", minimum=1),
    "ensemble": {
        "type": "integer",
        "enum": list(ENSEMBLES),
        "default": 1,
        "description": "restorations, of the picture turned and mirrored, whose mean is returned",
    },
    "deadline_ms": _number("number", "milliseconds for the whole; sets a lower cap if need be"),
    **{
        name: {"type": "string", "enum": list(values), "default": values[0]}
        for name, values in CHOICES.items()
    },
}
_TOLD = {
    "status": {"type": "string", "enum": ["CONVERGED", "CAP", "DIVERGED"]},
    "residual": {"type": ["number", "null"]},
    "evaluations": {"type": "integer"},
    "noise": {"type": ["number", "null"]},
    "estimated": {"type": "boolean", "description": "whether the noise was estimated"},
    "doubt": {"type": ["string", "null"], "description": "why not to trust the estimate"},
    "model": {"type": "string"},
    "version": {"type": "integer"},
}
_B64 = {"type": "object", "required": ["b64"], "properties": {"b64": {"type": "string"}}}
_ANSWER = {"type": "object", "properties": {**_TOLD, "image": _B64}}


def _body(kind, schema):
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema}}}}


def _headers():
    return {f"X-Deblur-{key.title()}": {"schema": schema} for key, schema in _TOLD.items()}


DEBLUR = {
    "openapi_extra": _body(
        "multipart/form-data",
        {"type": "object", "required": ["image"], "properties": _FIELDS},
    ),
    "response_class": fastapi.Response,
    "responses": {
        **ERRORS,
        200: {
            "description": "The picture as PNG; as JSON where `Accept` asks for that.",
            "headers": _headers(),
            "content": {
                "image/png": {"schema": {"type": "string", "format": "binary"}},
                "application/json": {"schema": _ANSWER},
            },
        },
    },
}
_PREDICT = {
    "type": "object",
    "properties": {
        "signature_name": {"type": "string"},
        "instances": {"type": "array", "minItems": 1, "items": {}},
        "inputs": {},
    },
    "oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}],
    "additionalProperties": False,
}
PREDICT = {
    "openapi_extra": _body("application/json", _PREDICT),
    "response_class": fastapi.Response,
    "responses": {
        **ERRORS,
        200: {
            "description": "`predictions` for `instances`, `outputs` for `inputs`.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
    },
}
