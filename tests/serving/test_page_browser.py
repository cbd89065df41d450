"""The page in a browser, wide and on a phone: what a person does, and what one should not."""

import io
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
from PIL import Image

from tf_jfb.data import read_image, write_image
from tf_jfb.metrics import psnr
from tf_jfb.operators import BlurFFT, kernels

pytest.importorskip("gradio", reason="make test-serve runs this beside Gradio")
playwright = pytest.importorskip("playwright.sync_api", reason="make test-serve installs it")
pytestmark = pytest.mark.slow

PHOTO = pathlib.Path(__file__).parents[2] / "docs/images/astronaut.png"
SECONDS = 200
SIZES = {"wide": (1280, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of `tf-jfb page`, in a process of its own."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    log = tmp_path_factory.mktemp("page") / "log"
    start = "import sys; from tf_jfb.cli import main; sys.exit(main())"
    with open(log, "w") as file:
        command = [sys.executable, "-c", start, "page", "--port", str(port), "--pixels", "300000"]
        process = subprocess.Popen(command, stderr=file, stdout=file)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(SECONDS * 2):
            assert process.poll() is None, log.read_text()
            if "the page is at" in log.read_text():
                break
            time.sleep(0.5)
        yield url
    finally:
        before = set(pathlib.Path(tempfile.gettempdir()).glob("tf_jfb-page-*"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert before and len([folder for folder in before if folder.exists()]) < len(before)


@pytest.fixture(scope="module")
def browser():
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    with playwright.sync_playwright() as p:
        try:
            one = p.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"no Chromium is installed ({str(error).splitlines()[0]})")
        yield one
        one.close()


@pytest.fixture
def page(browser, address, request):
    """The page, which asks nobody else for anything and writes no error to the console."""
    width, height = SIZES[request.param]
    one = browser.new_page(viewport={"width": width, "height": height})
    hosts, faults = set(), []
    one.on("request", lambda r: hosts.add(r.url.split("/")[2] if "//" in r.url else ""))
    one.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    one.goto(address)
    one.wait_for_selector("#restore")
    yield one
    assert one.evaluate("document.documentElement.scrollWidth") <= width
    assert hosts <= {address.split("/")[2], ""} and faults == []
    one.close()


def verdict(page, text) -> str:
    page.wait_for_selector(f"#verdict h3:has-text('{text}')", timeout=SECONDS * 1000)
    return page.inner_text("#verdict")


def saved(page, name) -> bytes:
    with page.expect_download() as download:
        page.click(f"#{name}")
    return pathlib.Path(download.value.path()).read_bytes()


def near(sharp, picture) -> float:
    return float(psnr(sharp[None], picture[None])[0])


@pytest.mark.parametrize("page", SIZES, indirect=True)
def test_a_photograph_is_uploaded_and_restored(page, tmp_path):
    """Nearer to the sharp one: the file that is saved, and the two that are shown."""
    photo, inner = read_image(PHOTO), (slice(60, 220), slice(60, 220))
    blurred = BlurFFT(kernels.disk(3))(photo.pixels[None])[0].numpy()[inner]
    noise = 0.005 * np.random.default_rng(0).standard_normal(blurred.shape)
    write_image(tmp_path / "blurred.png", photo._replace(pixels=np.float32(blurred + noise)))
    sharp, taken = photo.pixels[inner], read_image(tmp_path / "blurred.png").pixels
    page.set_input_files("#photograph input[type=file]", tmp_path / "blurred.png")
    assert "160 x 160" in verdict(page, "Ready")
    assert "Estimated of the photograph: 0.00" in page.inner_text("#noise")
    page.click("#kind input")
    page.get_by_role("option", name="Out of focus").click()
    page.get_by_text("The solve").click()
    page.get_by_label("its values were blurred").check()
    page.click("#restore")
    assert "residual" in verdict(page, "onverge")
    restored = np.float32(Image.open(io.BytesIO(saved(page, "picture")))) / 255
    assert near(sharp, restored) > near(sharp, taken) + 3
    report = json.loads(saved(page, "report"))
    assert report["kernel"] == "disk:3" and report["status"] in ("CONVERGED", "CAP")
    images = page.locator("#slider img")
    sources = [images.nth(i).get_attribute("src") for i in range(images.count())]
    files = [page.request.get(source).body() for source in dict.fromkeys(sources)]
    before, after = (np.float32(Image.open(io.BytesIO(f)).convert("RGB")) / 255 for f in files)
    np.testing.assert_allclose(before, taken, atol=0.01)
    np.testing.assert_allclose(after, restored, atol=0.01)
    assert page.locator("#curve img").count() == 1


@pytest.mark.parametrize("page", ["phone"], indirect=True)
def test_an_example_works_at_the_first_click_and_says_that_it_did_not_converge(page):
    page.get_by_role("button", name="Too few evaluations").click()
    text = verdict(page, "Did not converge")
    assert "Next:" in text and "dB restored" in text
    assert page.is_enabled("#picture")


@pytest.mark.parametrize("page", ["wide"], indirect=True)
def test_a_drawn_kernel_is_shown_and_bad_files_are_told_of(page, tmp_path):
    page.get_by_label("Draw it").check()
    page.wait_for_selector("#kernel img", state="detached")
    page.click("#canvas button[aria-label=Brush]")
    box = page.locator("#canvas canvas").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 40, y)
    page.mouse.down()
    page.mouse.move(x + 40, y + 10, steps=8)
    page.mouse.up()
    page.wait_for_selector("#kernel img")
    page.click("#restore")
    assert "Drop a photograph" in verdict(page, "Not restored")
    Image.new("L", (1000, 1000)).save(tmp_path / "large.png")
    (tmp_path / "none.png").write_bytes(b"no picture")
    for name, text in (("large", "at most 300000 pixels"), ("none", "must be usable")):
        page.set_input_files("#photograph input[type=file]", tmp_path / f"{name}.png")
        page.wait_for_selector(f"#verdict:has-text('{text}')")
        page.locator("#photograph button[aria-label*=lear]").first.click()
        page.wait_for_selector("#photograph input[type=file]", state="attached")


def asked(address, function, *data) -> dict:
    """What the page's own protocol answers."""
    join = {"fn_index": function, "session_hash": "s", "data": data}
    body, kind = json.dumps(join).encode(), {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}/gradio_api/queue/join", body, kind)
    with urllib.request.urlopen(request) as answer:
        answer.read()
    with urllib.request.urlopen(f"{address}/gradio_api/queue/data?session_hash=s") as stream:
        for line in stream:
            if b"process_completed" in line:
                return json.loads(line.removeprefix(b"data:"))
    raise AssertionError("the page did not answer")


def test_files_of_the_server_are_not_read_for_anybody(address):
    file = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}
    assert not asked(address, 0, file)["success"]
    for path in ("gradio_api/file=/etc/hostname", "gradio_api/file=../../etc/hostname"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{address}/{path}")
        assert refused.value.code in (403, 404)
        refused.value.close()
    with urllib.request.urlopen(f"{address}/config") as answer:
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        config = json.load(answer)
    assert not config["analytics_enabled"]


def test_odd_values_and_bombs_are_told_of_and_the_page_goes_on(address):
    """Of every event: nothing at all, what is no number, and a drawing that is a bomb."""
    with urllib.request.urlopen(f"{address}/config") as answer:
        events = json.load(answer)["dependencies"]
    for number, event in enumerate(events[:4]):
        for value in (None, float("nan"), "x", [[]]):
            asked(address, number, *[value] * len(event["inputs"]))
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    body = head + bomb.getvalue() + b"\r\n--b--\r\n"
    request = urllib.request.Request(f"{address}/gradio_api/upload", body, kind)
    with urllib.request.urlopen(request) as answer:
        (path,) = json.load(answer)
    assert "tf_jfb-page-" in path  # the folder that is removed with the page
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    opened = asked(address, 0, file)
    assert opened["success"] and "### Not restored" in json.dumps(opened)
    known = ["Draw it", "Gaussian", 9, 1, 9, 0, 2, 2]
    canvas = {"background": None, "layers": [file], "composite": None}
    assert len(events[2]["inputs"]) == len(known) + 3
    drawn = asked(address, 2, *known, canvas, 15, None)
    assert not drawn["success"] or drawn["output"]["data"] == [None]
    assert asked(address, 0, None)["success"]
