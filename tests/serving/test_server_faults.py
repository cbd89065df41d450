"""Bad requests: a 4xx with a reason, and a server that goes on."""

import asyncio
import base64
import io
import json
import struct
import zlib

import numpy as np
import pytest
import tifffile
from server_client import client_of, deblur, png

from tf_jfb.serving.server import Settings

LIMITS = {"max_bytes": 1 << 20, "max_pixels": 64 * 64, "max_kernel": 15}


@pytest.fixture(scope="module")
def client(exports, loaded):
    with client_of(exports, loaded, **LIMITS) as client:
        yield client
        assert deblur(client, max_evaluations=1).status_code == 200  # it has gone on


def huge_png(side: int) -> bytes:
    """A few bytes that say they are side x side pixels."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + chunk(b"IDAT", zlib.compress(bytes(999)))
        + chunk(b"IEND", b"")
    )


def tiff(array) -> bytes:
    content = io.BytesIO()
    layout = {"planarconfig": "contig"} if array.shape[2:] == (5,) else {}
    array = np.asarray(array, np.uint8 if array.dtype == np.uint8 else np.float32)
    tifffile.imwrite(content, array, photometric="minisblack", **layout)
    return content.getvalue()


def npy(array) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def npy_that_lies() -> bytes:
    head = "{'descr': '<f8', 'fortran_order': False, 'shape': (15, 15)}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + bytes(8)


BAD_DEBLURS = {
    "no image": ({"image": b"no image"}, 400, "`image` must be usable: cannot identify image file"),
    "no kernel image": ({"kernel": ("k.png", b"no image")}, 400, "`kernel` must be usable"),
    "pages": ({"image": tiff(np.zeros((3, 9, 9), np.uint8))}, 400, "into a file of its own"),
    "kernel pages": (
        {"kernel": ("k.tif", tiff(np.ones((2, 3, 3))))},
        400,
        "into a file of its own",
    ),
    "white": ({"image": tiff(np.full((9, 9), 7.0))}, 400, "divide them by the value of white"),
    "masked": (
        {"image": tiff(np.diag([np.nan] * 9)), "boundary": "circular"},
        400,
        "`image` must be finite",
    ),
    "channels": ({"image": tiff(np.zeros((9, 9, 5), np.uint8))}, 400, "1 or 3 channels"),
    "empty": ({"image": b""}, 400, "image"),
    "cut": ({"image": png(np.zeros((20, 20, 3)) + 0.5)[:60]}, 400, "`image`"),
    "large": ({"image": png(np.zeros((65, 64, 3)))}, 413, "at most 4096 pixels"),
    "bomb": ({"image": huge_png(60_000)}, 413, "`image` must be smaller"),
    "half a bomb": ({"image": huge_png(12_000)}, 413, "`image` must be smaller"),
    "wide": ({"image": huge_png(5_000)}, 413, "at most 4096 pixels"),
    "name of a file": ({"kernel": "/etc/passwd"}, 400, "`kernel` must be a file, or a name"),
    "traversal": ({"kernel": "../../models/k.npy"}, 400, "`kernel` must be a file, or a name"),
    "huge kernel": ({"kernel": "gaussian:100000:3"}, 413, "at most 15"),
    "huge disk": ({"kernel": "disk:1e9"}, 413, "at most 15"),
    "endless line": ({"kernel": "line:inf:0"}, 413, "at most 15"),
    "no number": ({"kernel": "line:nan:0"}, 400, "`length` must be a positive number"),
    "no radius": ({"kernel": "disk:nan"}, 400, "`radius` must be a positive number"),
    "no kernel": ({"kernel": "gaussian:5"}, 400, "A gaussian kernel is written"),
    "ending": ({"kernel": ("k.mat", b"x")}, 400, "`kernel` must end in one of"),
    "damaged": ({"kernel": ("k.npy", b"x")}, 400, "`kernel` must be usable"),
    "lies": ({"kernel": ("k.npy", npy_that_lies())}, 400, "`kernel` must be usable"),
    "pickle": ({"kernel": ("k.npy", npy(np.array([[None]])))}, 400, "`kernel` must be usable"),
    "zeros": ({"kernel": ("k.npy", npy(np.zeros((3, 3))))}, 400, "positive sum"),
    "NaN": ({"kernel": ("k.npy", npy(np.full((3, 3), np.nan)))}, 400, "finite"),
    "wide file": ({"kernel": ("k.npy", npy(np.ones((3, 99))))}, 400, "sides up to 15"),
    "bomb kernel": ({"kernel": ("k.png", huge_png(5_000))}, 413, "at most 225 pixels"),
    "text": ({"kernel": ("k.csv", b"1,2\n3,x")}, 400, "`kernel` must be usable"),
    "larger": ({"pixels": np.zeros((9, 9, 3)), "kernel": "box:11"}, 400, "not be larger"),
    "noise": ({"noise": "nan"}, 400, "`noise` must be a finite number"),
    "noise range": ({"noise": 3}, 400, "`noise` must lie in (0, 1)"),
    "rtol": ({"rtol": "-1"}, 400, "`rtol` must be a finite number >= 0"),
    "large rtol": ({"rtol": "1e39"}, 400, "`rtol` must be a finite number >= 0, at most 3.4e+38"),
    "cap": ({"max_evaluations": "1e3"}, 400, "`max_evaluations` must be an integer"),
    "cap range": ({"max_evaluations": 10**9}, 400, "`max_evaluations` must be at most 1000"),
    "digits": ({"max_evaluations": "9" * 5000}, 400, "`max_evaluations` must be an integer"),
    "deadline": ({"deadline_ms": 0}, 400, "`deadline_ms` must be positive"),
    "boundary": ({"boundary": "open"}, 400, "`boundary` must be one of"),
    "no boundary": (
        {"name": "fixed", "kernel": None, "boundary": "photo"},
        400,
        "`boundary` must be left out",
    ),
    "light": ({"light": "red"}, 400, "`light` must be one of"),
    "field": ({"colour": "red"}, 400, "A field must be one of"),
    "model": ({"name": "none"}, 404, "a model of this name"),
    "odd name": ({"name": "..%2f..%2fetc"}, 404, ""),
    "bytes": ({"image": bytes(2 << 20)}, 413, "at most 1048576 bytes"),
}


@pytest.mark.parametrize("fault", BAD_DEBLURS)
def test_a_bad_deblur_is_told_why(client, fault):
    told, code, reason = BAD_DEBLURS[fault]
    answer = deblur(client, **told)
    assert (answer.status_code, reason in answer.json().get("error", "")) == (code, True), (
        answer.text
    )
    assert not any(word in answer.text for word in ("/tmp", " at 0x", "pages", "mask"))


PIXEL = [[[0.5]] * 16] * 16
BAD_PREDICTS = {
    "no JSON": (b"{", 400, "must be JSON"),
    "deep": (b"[" * 100_000, 400, "must be JSON"),
    "no text": (b"\xff\xfe{}", 400, "must be JSON"),
    "a list": (b"[]", 400, "must be an object"),
    "both": ({"inputs": 1, "instances": [1]}, 400, "either `instances` or `inputs`"),
    "key": ({"instances": [PIXEL], "x": 1}, 400, "no other keys"),
    "signature": ({"instances": [PIXEL], "signature_name": "x"}, 400, "must be one of"),
    "number": ({"instances": [PIXEL], "signature_name": 3}, 400, "must be a string"),
    "none": ({"instances": []}, 400, "at least one"),
    "null": ({"instances": [None]}, 400, "`image` must hold numbers"),
    "ragged": ({"instances": [PIXEL, PIXEL[:8]]}, 400, "`image` must hold numbers of one shape"),
    "rank": ({"instances": [1.0, 2.0]}, 400, "must be of shape"),
    "channels": ({"instances": [[[[0.5] * 3] * 4] * 4]}, 400, "must be of shape"),
    "text": ({"instances": ["abc"]}, 400, "`image` must hold numbers"),
    "NaN": (b'{"instances": [[[[NaN]]]]}', 400, "finite"),
    "infinite": (b'{"instances": [[[[1e999]]]]}', 400, "finite"),
    "digits": (b'{"instances": [[[[%s]]]]}' % (b"9" * 5000), 400, ""),
    "range": ({"instances": [[[[255.0]] * 8] * 8]}, 400, "`image` must be finite and lie in"),
    "base64": ({"instances": [{"b64": "???"}]}, 400, "must be base64"),
    "no image": ({"instances": [{"b64": "aGVsbG8="}]}, 400, "`image` must be usable"),
    "b64 number": ({"instances": [{"b64": 3}]}, 400, ""),
    "other input": ({"inputs": {"picture": [PIXEL]}}, 400, "The inputs must be"),
    "mixed": ({"instances": [PIXEL, {"image": PIXEL}]}, 400, "Every instance"),
    "large": ({"instances": [np.zeros((65, 64, 1)).tolist()]}, 413, "at most 4096 pixels"),
    "bomb": (
        {"instances": [{"b64": base64.b64encode(huge_png(5_000)).decode()}]},
        413,
        "at most 4096 pixels",
    ),
    "bombs that are small": (  # none is decoded, which would fail
        {"instances": [{"b64": base64.b64encode(huge_png(40)).decode()}] * 3},
        413,
        "at most 4096 pixels together",
    ),
}


@pytest.mark.parametrize("fault", BAD_PREDICTS)
def test_a_bad_predict_is_told_why(client, fault):
    body, code, reason = BAD_PREDICTS[fault]
    body = body if isinstance(body, bytes) else json.dumps(body)
    answer = client.post("/v1/models/fixed:predict", content=body)
    assert (answer.status_code, reason in answer.json().get("error", "")) == (code, True), (
        answer.text
    )


@pytest.mark.parametrize(
    "content, reason",
    [
        (png(np.zeros((16, 16, 1)))[:-14], "Invalid PNG"),
        (tiff(np.zeros((16, 16), np.uint8)), "Unknown image file format"),
    ],
    ids=["cut", "TIFF"],
)
def test_a_file_that_the_program_cannot_decode_is_told_why(client, content, reason):
    row = {"image_bytes": {"b64": base64.b64encode(content).decode()}}
    row |= {"rtol": 0.0, "max_evaluations": 1}
    body = {"signature_name": "deblur_bytes", "instances": [row]}
    answer = client.post("/v1/models/fixed:predict", json=body)
    assert answer.status_code == 400 and answer.json()["error"].startswith(reason), answer.text


def test_options_of_a_predict_have_limits(client):
    good = {"image": PIXEL, "rtol": 0.0, "max_evaluations": 2}
    for change, code in (
        ({"max_evaluations": 10**6}, 400),
        ({"max_evaluations": 10**12}, 400),
        ({"max_evaluations": 2.5}, 400),
        ({"max_evaluations": 0}, 400),
        ({"rtol": -1.0}, 400),
        ({"rtol": 1e39}, 400),
        ({"rtol": [0.0, 0.0]}, 400),
        ({}, 200),
    ):
        body = {"signature_name": "restore", "instances": [good | change]}
        answer = client.post("/v1/models/fixed:predict", json=body)
        assert answer.status_code == code, (change, answer.text)


@pytest.mark.parametrize(
    "method, path, code",
    [
        ("GET", "/v1/models/none", 404),
        ("GET", "/v1/models/any/versions/7", 404),
        ("GET", "/v1/models/any/versions/x", 400),
        ("GET", "/v1/models/%2e%2e/metadata", 400),
        ("POST", "/v1/models/any/versions/7:deblur", 415),
        ("GET", "/v1/models/any:deblur", 405),
        ("GET", "/v1/models/any/versions/1:predict", 405),
        ("POST", "/v1/models/any:classify", 404),
        ("DELETE", "/v1/models/any", 405),
        ("GET", "/etc/passwd", 404),
    ],
)
def test_other_paths_are_refused(client, method, path, code):
    answer = client.request(method, path)
    assert answer.json()["error"] and answer.status_code == code


def form(end) -> bytes:
    """A form of boundary "a" that ends in a noise."""
    name = b'--a\r\ncontent-disposition: form-data; name="%b"\r\n\r\n%b\r\n'
    image = png(np.full((9, 9, 3), 0.5))
    told = {b'image"; filename="a.png': image, b"kernel": b"box:3", b"noise": b"0.01"}
    return b"".join(name % pair for pair in told.items()) + end


def test_a_form_that_is_none_is_refused(client):
    for content, kind, code in (
        (b"{}", "application/json", 415),
        (b"x", "multipart/form-data", 400),
        (b"x", "multipart/form-data; boundary=a", 400),
        (b"--a\r\n\r\nx", "multipart/form-data; boundary=a", 400),
        (form(b"--a--"), "multipart/form-data; charset=undefined; boundary=a", 400),
        (form(b"--a--"), "multipart/form-data; charset=punycode; boundary=a", 400),
        (form(b"--a--"), "multipart/form-dataX; boundary=a", 415),
        (form(b""), "multipart/form-data; boundary=a", 400),
        (form(b"--a-"), "multipart/form-data; boundary=a", 400),
        (form(b"--a--"), 'Multipart/Form-Data; boundary="a"', 200),
    ):
        answer = client.post(
            "/v1/models/any:deblur", content=content, headers={"content-type": kind}
        )
        assert answer.status_code == code, answer.text
        assert code == 200 or answer.json()["error"]


def test_a_token_is_asked_for_but_of_those_that_watch(exports, loaded):
    with client_of(exports, loaded, token="s3cret") as client:
        for headers in ({}, {"authorization": "Bearer s3cre"}, {"authorization": "s3cret"}):
            answer = client.get("/v1/models/any", headers=headers)
            assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
        assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200
        assert client.get("/metrics").status_code == 401
        for scheme in ("Bearer", "bearer", "BEARER "):
            allowed = client.get("/v1/models/any", headers={"authorization": f"{scheme} s3cret"})
            assert allowed.status_code == 200
        assert client.get("/docs").status_code == 200
        told = client.get("/openapi.json").json()
    assert told["components"]["securitySchemes"] == {
        "HTTPBearer": {"type": "http", "scheme": "bearer"}
    }
    asked = {path for path, verbs in told["paths"].items() if "security" in [*verbs.values()][0]}
    assert asked == set(told["paths"]) - {"/healthz", "/readyz"}


async def _ask(app, receive, length=None):
    """(status, headers) of a POST whose body comes from `receive`."""
    sent = []
    headers = [] if length is None else [(b"content-length", str(length).encode())]
    scope = {"type": "http", "method": "POST", "path": "/v1/models/any:predict", "headers": headers}
    scope |= {"query_string": b"", "http_version": "1.1", "scheme": "http", "root_path": ""}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"])


@pytest.fixture
def app(loaded):
    from tf_jfb.serving.server.app import create_app

    limits = {"max_bytes": 100, "body_seconds": 0.05, "max_queue": 2}
    return create_app(loaded, Settings(**limits))


def test_slow_and_endless_bodies_end(app):
    async def slow():
        await asyncio.sleep(60)

    async def endless():
        return {"type": "http.request", "body": bytes(64), "more_body": True}

    async def gone():
        return {"type": "http.disconnect"}

    assert asyncio.run(_ask(app, slow))[0] == 408
    assert asyncio.run(_ask(app, endless))[0] == 413
    assert asyncio.run(_ask(app, gone))[0] == 400
    assert asyncio.run(_ask(app, slow, length=101))[0] == 413
    assert asyncio.run(_ask(app, slow, length="x"))[0] == 413


def test_more_than_the_queue_holds_is_told_to_come_again(app):
    async def ask():
        async def slow():
            await asyncio.sleep(60)

        return await asyncio.gather(*(_ask(app, slow) for _ in range(3)))

    answers = asyncio.run(ask())
    assert [code for code, _ in answers] == [408, 408, 429]
    assert 1 <= int(answers[2][1][b"retry-after"]) <= 60
