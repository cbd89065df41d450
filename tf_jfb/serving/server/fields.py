"""The multipart fields of `:deblur`, as a job."""

import math

from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile

from tf_jfb._validate import check
from tf_jfb.exported import check_ensemble, check_options
from tf_jfb.serving.server import pictures
from tf_jfb.serving.server.jobs import Job
from tf_jfb.serving.server.refused import RefusedError

CHOICES = {"boundary": ("photo", "circular"), "light": ("linear", "encoded")}  # first the defaults
NUMBERS = {"noise": float, "rtol": float, "deadline_ms": float}
NUMBERS |= {"max_evaluations": int, "ensemble": int}
FIELDS = ("image", "kernel", *CHOICES, *NUMBERS)


async def read_form(request, settings) -> dict:
    """{field: text, or (content, name of the file)}."""
    limits = {"max_files": 2, "max_fields": len(FIELDS), "max_part_size": settings.max_bytes}
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        raise RefusedError(415, "The body must be multipart/form-data.")
    fields, body = {}, await request.body()
    try:
        async with request.form(**limits) as form:
            for name, value in form.multi_items():
                if name not in FIELDS or name in fields:
                    reason = f"A field must be one of {', '.join(FIELDS)}, once."
                    raise RefusedError(400, f"{reason} Received: {name!r}")
                is_file = isinstance(value, UploadFile)
                fields[name] = (await value.read(), value.filename or "") if is_file else value
    except UnicodeError:
        raise RefusedError(400, "The text of the body must be of its `charset`.") from None
    if b"--%b--" % options[b"boundary"] not in body:  # the parser passes it over
        raise RefusedError(400, "The body must be whole: its closing boundary is missing.")
    return fields


def job_of(fields: dict, version, settings, arrived: float) -> Job:
    """Raises RefusedError where a field is missing, outside its range or of no use to the model."""
    model = version.model
    if model is None:
        raise RefusedError(400, f"The model must be one that deblurs. Received: {version.name!r}")
    if not isinstance(fields.get("image"), tuple):
        raise RefusedError(400, "`image` must be a file.")
    if model.takes_kernel != ("kernel" in fields):
        must = "given: the model takes any blur" if model.takes_kernel else "left out"
        raise RefusedError(400, f"`kernel` must be {must}.")
    told = {name: _choice(name, fields[name]) for name in CHOICES if name in fields}
    told |= {name: _number(name, fields[name]) for name in NUMBERS if name in fields}
    deadline = told.pop("deadline_ms", math.inf)
    _check(told, deadline, model, settings)
    photo = pictures.photo_of(fields["image"][0], settings.max_pixels)
    channels = photo.pixels.shape[-1]
    if channels not in (1, 3):  # that the answer, a PNG, can hold
        reason = f"`image` must have 1 or 3 channels. Received: channels={channels}"
        raise RefusedError(400, reason)
    kernel = _kernel(fields["kernel"], settings.max_kernel) if "kernel" in fields else None
    size = photo.pixels.shape[:2]
    if kernel is not None and any(k > n for k, n in zip(kernel.shape, size, strict=True)):
        reason = "`kernel` must not be larger than the image. Received:"
        raise RefusedError(400, f"{reason} kernel={kernel.shape}, image={size}")
    return Job(version, photo, kernel, deadline=arrived + deadline / 1000, **told)


def _check(told, deadline, model, settings) -> None:
    try:
        check_options(told.get("rtol"), told.get("max_evaluations"), told.get("noise"))
        check_ensemble(told.get("ensemble", 1), model)
        check(deadline > 0, "`deadline_ms` must be positive.", deadline_ms=deadline)
        for name, takes in (("noise", model.takes_noise), ("boundary", model.takes_kernel)):
            useful = name not in told or takes
            check(useful, f"`{name}` must be left out: the model was made for one.", **{name: True})
    except (ValueError, OverflowError) as error:
        raise RefusedError(400, str(error)[:300]) from None
    if told.get("max_evaluations", 1) > settings.max_evaluations:
        raise RefusedError(400, f"`max_evaluations` must be at most {settings.max_evaluations}.")


def _kernel(value, most):
    if isinstance(value, tuple):
        return pictures.kernel_of_file(*value, most)
    return pictures.kernel_of_name(value, most)


def _choice(name, value) -> str:
    if value not in CHOICES[name]:
        raise RefusedError(400, f"`{name}` must be one of {', '.join(CHOICES[name])}.")
    return value


def _number(name, value):
    try:
        number = NUMBERS[name](value if isinstance(value, str) else "")
        if math.isfinite(number):
            return number
    except (ValueError, OverflowError):
        pass
    kind = "an integer" if NUMBERS[name] is int else "a finite number"
    raise RefusedError(400, f"`{name}` must be {kind}.")
