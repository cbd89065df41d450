"""JSON of TensorFlow Serving's REST API, and the tensors that it stands for."""

import base64
import binascii
import json

import numpy as np
import tensorflow as tf

from tf_jfb.serving.server.pictures import check_size, photo_of
from tf_jfb.serving.server.refused import RefusedError

FORMATS = ("instances", "inputs")
KEYS = {*FORMATS, "signature_name"}


def parsed(body: bytes) -> dict:
    """The object of a `:predict`. Raises RefusedError, 400, unless it is one."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, f"The body must be JSON ({str(error)[:100]}).") from None
    if not isinstance(request, dict) or sum(key in request for key in FORMATS) != 1:
        raise RefusedError(400, "The body must be an object with either `instances` or `inputs`.")
    unknown = sorted(set(request) - KEYS)
    if unknown:
        raise RefusedError(400, f"The body must have no other keys. Received: {unknown[:5]}")
    if not isinstance(request.get("signature_name", ""), str):
        raise RefusedError(400, "`signature_name` must be a string.")
    return request


def tensors_of(request: dict, specs: dict, settings) -> dict:
    """{name: tensor} of a `parsed` request for a signature that takes `specs`.

    Beyond TensorFlow Serving, {"b64": ...} for an `image` of numbers is an image file.
    """
    columns = _columns(request, list(specs))
    if set(columns) != set(specs):
        takes, given = sorted(specs), sorted(map(str, columns))[:10]
        raise RefusedError(400, f"The inputs must be {takes}. Received: {given}")
    arrays = {name: _array(name, columns[name], specs[name], settings) for name in specs}
    _check_limits(arrays, settings)
    return {name: tf.constant(array, specs[name].dtype) for name, array in arrays.items()}


def answer_of(request: dict, outputs: dict) -> dict:
    """`outputs`, {name: array}, in the format of the request."""
    lists = {name: _plain(array) for name, array in outputs.items()}
    alone = next(iter(lists.values())) if len(lists) == 1 else None
    if "inputs" in request:
        return {"outputs": lists if alone is None else alone}
    if alone is not None:
        return {"predictions": alone}
    rows = zip(*lists.values(), strict=True)
    return {"predictions": [dict(zip(lists, row, strict=True)) for row in rows]}


def _columns(request, names) -> dict:
    """{name: list of values, one per image}."""
    if "inputs" in request:
        inputs = request["inputs"]
        named = isinstance(inputs, dict) and "b64" not in inputs
        return inputs if named else {names[0]: inputs} if len(names) == 1 else {}
    rows = request["instances"]
    if not isinstance(rows, list) or not rows:
        raise RefusedError(400, "`instances` must be a list of at least one.")
    named = [isinstance(row, dict) and "b64" not in row for row in rows]
    if not any(named) and len(names) == 1:
        return {names[0]: rows}
    keys = set(rows[0]) if named[0] else set()
    if not all(named) or any(set(row) != keys for row in rows):
        raise RefusedError(400, f"Every instance must be an object of {sorted(names)}.")
    return {key: [row[key] for row in rows] for key in rows[0]}


def _array(name, value, spec, settings) -> np.ndarray:
    """Of the type and the rank of `spec`, and finite."""
    values = value if isinstance(value, list) else [value]
    packed = any(isinstance(one, dict) for one in values)
    if packed:
        value = [_unpacked(name, one, spec) for one in values]
    if spec.dtype == tf.string:
        return _files(name, value, settings)
    if packed:
        value = _pictures(name, value, spec, settings)
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
            raise ValueError("they are not all finite numbers")
        if spec.dtype.is_integer and (array != np.floor(array)).any():
            raise ValueError("they are not all integers")
        if np.abs(array).max(initial=0) > spec.dtype.max:
            raise ValueError("they are too large")
        array = array.astype(spec.dtype.as_numpy_dtype)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        reason = str(error).splitlines()[0][:200]
        raise RefusedError(400, f"`{name}` must hold numbers of one shape ({reason}).") from None
    if not spec.shape.is_compatible_with(array.shape) or 0 in array.shape:
        wanted = f"`{name}` must be of shape {spec.shape.as_list()}, none of it 0."
        raise RefusedError(400, f"{wanted} Received: shape={list(array.shape)}")
    return array


def _unpacked(name, value, spec) -> bytes:
    """What {"b64": TEXT} stands for: a string, or an image file."""
    if not (isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str)):
        raise RefusedError(400, f'`{name}` must be numbers or {{"b64": TEXT}}.')
    try:
        content = base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise RefusedError(400, f"`{name}` must be base64 ({error}).") from None
    if spec.dtype != tf.string and name != "image":
        raise RefusedError(400, f"`{name}` must be numbers: only an image may be a file.")
    return content


def _pictures(name, files, spec, settings) -> list:
    """Pixels of image files, none of which is decoded before the sizes of all are known."""
    _check_pixels(name, files, settings)
    planes, channels = (photo_of(one, settings.max_pixels).pixels for one in files), spec.shape[-1]
    return [np.repeat(p, channels, -1) if p.shape[-1] == 1 and channels else p for p in planes]


def _files(name, value, settings) -> np.ndarray:
    """Picture files, their sizes looked at: the program decodes whatever it is given."""
    if not (isinstance(value, list) and all(isinstance(one, bytes) for one in value)):
        raise RefusedError(400, f'`{name}` must be a list of {{"b64": TEXT}}.')
    _check_pixels(name, value, settings)
    return np.asarray(value, object)


def _check_pixels(name, files, settings) -> None:
    pixels = sum(check_size(one, settings.max_pixels, name) for one in files)
    if pixels > settings.max_pixels:
        reason = f"The images must have at most {settings.max_pixels} pixels together."
        raise RefusedError(413, f"{reason} Received: {pixels}")


def _check_limits(arrays, settings) -> None:
    sizes = {len(array) for array in arrays.values() if array.ndim}
    if len(sizes) > 1:
        raise RefusedError(400, f"The inputs must have one batch size. Received: {sorted(sizes)}")
    image, kernel = arrays.get("image"), arrays.get("kernel")
    if image is not None and image.ndim == 4 and np.prod(image.shape[:3]) > settings.max_pixels:
        reason = f"The images must have at most {settings.max_pixels} pixels together."
        raise RefusedError(413, f"{reason} Received: shape={list(image.shape)}")
    if kernel is not None and max(kernel.shape[1:]) > settings.max_kernel:
        raise RefusedError(413, f"`kernel` must have sides of at most {settings.max_kernel}.")
    cap = arrays.get("max_evaluations")
    if cap is not None and np.max(cap) > settings.max_evaluations:
        raise RefusedError(400, f"`max_evaluations` must be at most {settings.max_evaluations}.")


def _plain(array):
    """Lists; null for NaN and infinities, of which JSON knows nothing."""
    if array.dtype == object:  # of strings: bytes cannot stand in JSON
        return [{"b64": base64.b64encode(one).decode()} for one in array.ravel()]
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        array = np.where(np.isfinite(array), array.astype(object), None)
    return array.tolist()
