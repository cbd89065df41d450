"""Whatever comes, the server answers as its description says, and never fails."""

import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from server_client import client_of, deblur, png

LIMITS = {"max_pixels": 32 * 32, "max_kernel": 9, "max_evaluations": 3, "max_bytes": 1 << 16}
QUICK = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM", "ICO", "TGA")


@pytest.fixture(scope="module")
def client(exports, loaded):
    with client_of(exports, loaded, **LIMITS) as client:
        yield client


@st.composite
def files(draw):
    """Image files of many kinds and sizes, some of them with bytes changed or cut off."""
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    mode = draw(st.sampled_from(["L", "RGB", "RGBA", "LA", "P", "1", "I;16", "CMYK"]))
    kind = draw(st.sampled_from(FORMATS))
    levels = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 256, (height, width, 4))
    image = Image.fromarray(levels.astype(np.uint8))
    content = io.BytesIO()
    try:
        (image.convert("I") if mode == "I;16" else image.convert(mode)).save(content, kind)
    except (OSError, ValueError, KeyError):  # not every format holds every mode
        image.convert("RGB").save(content, "PNG")
    data = bytearray(content.getvalue())
    for _ in range(draw(st.integers(0, 4))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(1, len(data)))] if draw(st.booleans()) else data)


@QUICK
@given(files(), st.sampled_from(["box:3", "gaussian:5:1.0", "line:4:30", "disk:2"]))
def test_any_picture_is_restored_or_refused(client, content, kernel):
    answer = deblur(client, image=content, kernel=kernel)
    assert answer.status_code in (200, 400, 413), answer.text
    if answer.status_code == 200:
        restored = Image.open(io.BytesIO(answer.content))
        assert restored.size == Image.open(io.BytesIO(content)).size
    else:
        assert answer.json()["error"]


@QUICK
@given(st.binary(max_size=300), st.sampled_from([".npy", ".csv", ".png", ".tif", ".bmp", ".txt"]))
def test_any_kernel_file_is_used_or_refused(client, content, suffix):
    image = png(np.full((12, 12, 3), 0.5))
    answer = deblur(client, image=image, kernel=(f"k{suffix}", content or b"x"))
    assert answer.status_code in (200, 400, 413), answer.text


@pytest.mark.slow
def test_the_description_is_kept(client):
    schemathesis = pytest.importorskip("schemathesis")
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    kept = [not_a_server_error, checks.status_code_conformance]
    kept += [checks.content_type_conformance, checks.response_schema_conformance]
    schema = schemathesis.openapi.from_asgi("/openapi.json", client.app)
    asked = 0
    for operation in schema.get_all_operations():

        @settings(QUICK, max_examples=15)
        @given(operation.ok().as_strategy())
        def ask(case):
            nonlocal asked
            asked += 1
            known = {"name": "any", "version": "1"}  # else hardly any model is one of these
            if asked % 4 and case.path_parameters:
                case.path_parameters = {key: known[key] for key in case.path_parameters}
            case.call_and_validate(checks=kept)

        ask()
    assert asked > 100
