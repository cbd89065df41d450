"""The server's routes answer as the model does."""

import base64
import concurrent.futures
import io
import json
import logging
import math
import shutil

import numpy as np
import pytest
from server_client import client_of, deblur, picture, pixels_of, png

from tf_jfb.data import Photo
from tf_jfb.exported import ExportedModel, deblur_photo
from tf_jfb.operators import kernels
from tf_jfb.serving.server import describe


@pytest.fixture(scope="module")
def client(exports, loaded):
    with client_of(exports, loaded) as client:
        yield client


@pytest.fixture(scope="module")
def model(exports):
    return ExportedModel.open(exports / "any")


def test_a_picture_comes_back_as_the_model_restores_it(client, model):
    told = {"noise": 0.01, "rtol": 1e-3, "max_evaluations": 20}
    answer = deblur(client, **told)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    kernel = kernels.gaussian(5, 1.0)
    alone = deblur_photo(model, Photo(picture()), kernel=kernel, light="linear", **told)
    np.testing.assert_allclose(pixels_of(answer.content), alone.photo.pixels, atol=0.51 / 255)
    assert answer.headers["x-deblur-status"] == alone.status.name
    assert int(answer.headers["x-deblur-evaluations"]) == alone.evaluations
    assert float(answer.headers["x-deblur-residual"]) == pytest.approx(alone.residual, rel=1e-3)


def test_options_of_the_form_reach_the_solve(client, model):
    told = {"noise": 0.02, "boundary": "circular", "light": "encoded", "max_evaluations": 3}
    npy = io.BytesIO()
    np.save(npy, kernels.line(3, 0) * 7)
    accept = {"accept": "application/json"}
    answer = deblur(client, kernel=("k.npy", npy.getvalue()), rtol=0, headers=accept, **told)
    told_back = answer.json()
    alone = deblur_photo(model, Photo(picture()), kernel=kernels.line(3, 0), rtol=0.0, **told)
    assert (told_back["evaluations"], told_back["status"]) == (3, "CAP")
    assert (told_back["estimated"], told_back["doubt"]) == (False, None)
    restored = pixels_of(base64.b64decode(told_back["image"]["b64"]))
    np.testing.assert_allclose(restored, alone.photo.pixels, atol=0.51 / 255)
    image = io.BytesIO(png(kernels.gaussian(3, 1.0)[..., None]))
    by_file = deblur(client, kernel=("k.png", image.getvalue()), max_evaluations=2)
    assert by_file.status_code == 200 and by_file.headers["x-deblur-noise"]
    assert by_file.headers["x-deblur-estimated"] == "true"


def test_an_ensemble_is_the_mean_of_turned_pictures(client, model):
    told = {"noise": 0.02, "max_evaluations": 3, "ensemble": 4}
    answer = deblur(client, **told)
    kernel = kernels.gaussian(5, 1.0)
    alone = deblur_photo(model, Photo(picture()), kernel=kernel, light="linear", **told)
    np.testing.assert_allclose(pixels_of(answer.content), alone.photo.pixels, atol=0.51 / 255)
    refused = deblur(client, ensemble=3)
    assert refused.status_code == 400 and "1, 2, 4 or 8" in refused.json()["error"]


def test_a_model_of_grey_pictures_restores_colours_one_by_one(client, exports):
    told = {"max_evaluations": 3, "rtol": 0.0}
    answer = deblur(client, kernel=None, name="fixed", **told)
    model = ExportedModel.open(exports / "fixed")
    alone = deblur_photo(model, Photo(picture()), light="linear", **told)
    np.testing.assert_allclose(pixels_of(answer.content), alone.photo.pixels, atol=0.51 / 255)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/json", "application/json"),
        ("text/html, Application/JSON; q=0.5", "application/json"),
        ("image/png, application/json;q=0", "image/png"),
        ("image/png, application/json; q=0.9", "image/png"),
        ("application/jsonlines", "image/png"),
        ("*/*", "image/png"),
    ],
)
def test_the_answer_is_of_the_kind_that_is_asked_for(client, accept, kind):
    answer = deblur(client, headers={"accept": accept}, max_evaluations=1)
    assert answer.headers["content-type"] == kind


def test_an_estimate_of_the_noise_comes_with_its_doubt(client):
    noise = np.random.default_rng(0).normal(0, 0.05, (49, 49, 3))
    correlated = sum((noise[1:, 1:], noise[:-1, 1:], noise[1:, :-1], noise[:-1, :-1])) / 4
    answer = deblur(client, np.clip(0.5 + correlated, 0, 1), max_evaluations=1)
    assert "correlated" in answer.headers["x-deblur-doubt"]


def test_a_deadline_gives_the_best_so_far(client):
    answer = deblur(client, rtol=0, max_evaluations=1000, deadline_ms=0.001)
    assert answer.status_code == 200
    assert answer.headers["x-deblur-status"] == "CAP"
    assert answer.headers["x-deblur-evaluations"] == "1"


def test_a_model_made_for_one_blur_takes_no_kernel(client):
    grey = picture(channels=1)
    answer = deblur(client, grey, kernel=None, name="fixed")
    assert answer.status_code == 200 and pixels_of(answer.content).shape == (24, 24)
    refused = deblur(client, grey, name="fixed")
    assert refused.status_code == 400 and "`kernel` must be left out" in refused.json()["error"]
    missing = deblur(client, kernel=None)
    assert missing.status_code == 400 and "`kernel` must be given" in missing.json()["error"]


@pytest.mark.parametrize("path", ["/v1/models/any", "/v1/models/any/versions/1"])
def test_predict_by_rows_and_by_columns(client, model, path):
    """As TensorFlow Serving documents both formats."""
    images, kernel = np.stack([picture(16, seed) for seed in (0, 1)]), kernels.box(3)
    rtol, caps, noise = [1e-2, 0.0], [30, 2], [0.01, 0.02]
    columns = {"image": images.tolist(), "kernel": [kernel.tolist()] * 2, "noise": noise}
    columns |= {"rtol": rtol, "max_evaluations": caps}
    rows = [{name: columns[name][i] for name in columns} for i in range(2)]
    alone = model.restore(images, kernel, noise, "circular", rtol=rtol, max_evaluations=caps)
    by_row = client.post(f"{path}:predict", json={"signature_name": "deblur", "instances": rows})
    assert by_row.status_code == 200, by_row.text
    predictions = by_row.json()["predictions"]
    by_column = client.post(
        f"{path}:predict", json={"signature_name": "deblur", "inputs": columns}
    ).json()["outputs"]
    for i, one in enumerate(predictions):
        np.testing.assert_allclose(one["restored"], alone.image[i], atol=1e-5)
        assert one["evaluations"] == by_column["evaluations"][i] == alone.evaluations[i]
    np.testing.assert_allclose(by_column["restored"], alone.image, atol=1e-5)


def test_what_is_no_number_is_null(client):
    row = {"image": picture(16, channels=1).tolist(), "rtol": 0.9, "max_evaluations": 4}
    body = {"signature_name": "trace", "instances": [row]}
    answer = client.post("/v1/models/fixed:predict", json=body)
    assert "NaN" not in answer.text
    (told,) = answer.json()["predictions"]
    trace, steps = told["trace"], told["evaluations"]
    assert trace[:steps][-1] == told["residual"] and trace[steps:] == [None] * (4 - steps)
    assert steps < 4
    values = {"a": [math.inf, {"b": math.nan}], "c": 1.5, "d": "NaN"}
    assert describe.finite(values) == {"a": [None, {"b": None}], "c": 1.5, "d": "NaN"}


def test_predict_of_one_input_takes_bare_values_and_base64(client):
    grey = picture(16, channels=1)
    bare = client.post("/v1/models/fixed:predict", json={"instances": [grey.tolist()]})
    coded = {"b64": base64.b64encode(png(grey)).decode()}
    for body in ({"instances": [coded]}, {"instances": [{"image": coded}]}, {"inputs": [coded]}):
        answer = client.post("/v1/models/fixed:predict", json=body).json()
        found = answer["outputs"]["restored"][0] if "inputs" in body else None
        found = answer["predictions"][0]["restored"] if found is None else found
        np.testing.assert_allclose(found, bare.json()["predictions"][0]["restored"], atol=1e-6)


def test_predicts_that_come_together_are_merged(exports, loaded):
    grey = [picture(16, seed, channels=1) for seed in range(6)]
    with client_of(exports, loaded, batch_wait=0.3) as client:

        def ask(image):
            body = {"signature_name": "serving_default", "instances": [image.tolist()]}
            return client.post("/v1/models/fixed:predict", json=body).json()["predictions"][0]

        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            together = list(pool.map(ask, grey))
        text = client.get("/metrics").text
        alone = [ask(image) for image in grey]
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    assert float(lines["tf_jfb_batch_images_sum"]) == 6
    assert float(lines["tf_jfb_batch_images_count"]) < 6
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one["restored"], other["restored"], atol=1e-5)
        assert one["evaluations"] == other["evaluations"]


def test_predict_takes_files_and_gives_files(client):
    coded = {"b64": base64.b64encode(png(picture(16, channels=1))).decode()}
    row = {"image_bytes": coded, "rtol": 0.0, "max_evaluations": 3}
    body = {"signature_name": "deblur_bytes", "instances": [row]}
    (answer,) = client.post("/v1/models/fixed:predict", json=body).json()["predictions"]
    body = {"signature_name": "restore", "instances": [{**row, "image": coded}]}
    del body["instances"][0]["image_bytes"]
    (alone,) = client.post("/v1/models/fixed:predict", json=body).json()["predictions"]
    assert (answer["evaluations"], answer["status"]) == (3, 1)
    found = pixels_of(base64.b64decode(answer["restored_bytes"]["b64"]))
    expected = np.clip(alone["restored"], 0, 1)[..., 0]
    np.testing.assert_allclose(found, expected, atol=0.51 / 255)
    for value, reason in (("text", "list of"), ({"b64": "aGVsbG8="}, "must be usable")):
        bad = {"signature_name": "deblur_bytes", "instances": [row | {"image_bytes": value}]}
        refused = client.post("/v1/models/fixed:predict", json=bad)
        assert refused.status_code == 400 and reason in refused.json()["error"]


def test_status_and_metadata(client):
    (state,) = client.get("/v1/models/any").json()["model_version_status"]
    assert state["version"] == "1" and state["state"] == "AVAILABLE"
    assert state["status"] == {"error_code": "OK", "error_message": ""}
    assert client.get("/v1/models/any/versions/1").json()["model_version_status"] == [state]
    told = client.get("/v1/models/any/metadata").json()
    assert told["model_spec"] == {"name": "any", "signature_name": "", "version": "1"}
    signatures = told["metadata"]["signature_def"]["signature_def"]
    kernel = signatures["deblur"]["inputs"]["kernel"]
    assert kernel["dtype"] == "DT_FLOAT" and len(kernel["tensor_shape"]["dim"]) == 3
    assert client.get("/v1/models/any/versions/1/metadata").json() == told
    assert (told["metadata"]["tf_jfb"]["name"], told["metadata"]["tf_jfb"]["channels"]) == (
        "any",
        3,
    )
    with client.app.state.store.lease("any") as version:
        pass
    assert version.drained(0)  # whoever asked has left it, so that a newer one may replace it


def test_metrics_tell_of_solves_and_requests(client):
    deblur(client, max_evaluations=2, rtol=0)
    text = client.get("/metrics").text
    assert 'tf_jfb_images_total{model="any",status="CAP",version="1"}' in text
    assert 'route="/v1/models/{name}:deblur"' in text
    for name in ("batch_images", "evaluations", "residual", "solve_seconds", "requests_working"):
        assert f"tf_jfb_{name}" in text


def test_health_readiness_and_description(client, tmp_path):
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json()["models"] == ["any", "fixed"]
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/v1/models/{name}:deblur", "/v1/models/{name}:predict"} <= set(paths)
    assert client.get("/docs").status_code == 200
    with client_of(tmp_path) as empty:
        assert empty.get("/healthz").status_code == 200
        assert empty.get("/readyz").status_code == 503


def test_a_new_version_is_served_and_the_old_told_of(root):
    with client_of(root, poll_seconds=0.05) as client:
        shutil.copytree(root / "fixed" / "1", root / "fixed" / "2")
        store, grey = client.app.state.store, picture(channels=1)
        seen, codes = set(), set()
        while "2" not in seen or len(codes) > 1:
            answer = deblur(client, grey, kernel=None, name="fixed", max_evaluations=2)
            codes.add(answer.status_code)
            seen.add(answer.headers.get("x-deblur-version"))
            assert codes == {200}
        assert store.status("fixed")[2].state == "AVAILABLE"


def test_logs_hold_neither_pictures_nor_tokens(exports, loaded, caplog):
    caplog.set_level(logging.INFO, "tf_jfb.server")
    with client_of(exports, loaded, token="very secret") as client:
        bearer = {"authorization": "Bearer very secret"}
        assert deblur(client, max_evaluations=1, headers=bearer).status_code == 200
        client.get("/v1/models/any?key=hidden", headers=bearer)
    lines = [json.loads(r.message) for r in caplog.records if r.message.startswith("{")]
    told = next(line for line in lines if line["route"] == "/v1/models/{name}:deblur")
    assert told["code"] == 200 and told["evaluations"] == 1 and told["model"] == "any"
    assert "secret" not in caplog.text and "hidden" not in caplog.text and len(caplog.text) < 5000
