"""The real thing: the command `tf-jfb serve`, on Ray Serve and alone."""

import concurrent.futures
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import types

import numpy as np
import pytest
from server_client import deblur, picture, pixels_of

from tf_jfb.cli import serve
from tf_jfb.data import Photo
from tf_jfb.exported import ExportedModel, deblur_photo
from tf_jfb.operators import kernels
from tf_jfb.serving import server

ROOT = pathlib.Path(__file__).parents[2]
START = "import _tf_jfb_command as c, sys; sys.argv = ['tf-jfb', *sys.argv[1:]]; sys.exit(c.main())"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def started(root, tmp_path):
    """Starts the command with options; yields (client, process) once it is ready."""
    httpx = pytest.importorskip("httpx2")
    processes, files = [], []

    def start(*options):
        port = free_port()
        command = [sys.executable, "-c", START, "serve", "--models", root, "--port", port, *options]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
        log = open(tmp_path / "log", "w")  # noqa: SIM115
        files.append(log)
        process = subprocess.Popen(
            list(map(str, command)), stdout=log, stderr=log, env=environment, cwd=tmp_path
        )
        processes.append(process)
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60.0)
        files.append(client)
        end = time.monotonic() + 150
        while time.monotonic() < end:
            try:
                if client.get("/readyz").status_code == 200:
                    return client, process
            except httpx.TransportError:
                assert process.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.3)
        raise AssertionError((tmp_path / "log").read_text())

    yield start
    for process in processes:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    for file in files:
        file.close()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Ray's import of pydantic
def test_a_configuration_file_names_the_same_deployment(exports):
    pytest.importorskip("ray", reason="make test-serve runs this beside Ray Serve")
    from tf_jfb.serving.server import ray_serve

    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    app = ray_serve.app({"models": str(exports), "replicas": 3, "max_queue": 5})
    deployment = app._bound_deployment
    assert (deployment.name, deployment.num_replicas) == ("tf-jfb", 3)
    assert deployment.max_queued_requests == 20
    with pytest.raises(TypeError, match="max_quue"):
        ray_serve.app({"models": str(exports), "max_quue": 5})


@pytest.mark.parametrize("address", [None, "local", "auto"])
def test_ray_of_its_own_is_closed_to_others(monkeypatch, tmp_path, address):
    ray_serve, seen = types.ModuleType("ray_serve"), {}
    ray_serve.start = lambda *_: seen.update(os.environ) or 1 / 0
    monkeypatch.setattr(server, "ray_serve", ray_serve, raising=False)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    args = {"models": tmp_path, "host": "127.0.0.1", "port": 1, "address": address, "replicas": 1}
    with pytest.raises(ZeroDivisionError):
        serve._on_ray(types.SimpleNamespace(**args), server.Settings())
    closed = seen.items() >= serve.ALONE.items() and len(seen.get("RAY_AUTH_TOKEN", "")) == 64
    assert closed == (address != "auto")


def test_headers_have_a_limit(monkeypatch, tmp_path):
    uvicorn = pytest.importorskip("uvicorn", reason="make test-serve runs this beside uvicorn")
    asked, args = {}, {"models": tmp_path, "host": "127.0.0.1", "port": free_port()}
    monkeypatch.setattr(uvicorn, "run", lambda app, **options: asked.update(options, app=app))
    monkeypatch.setattr("tf_jfb.serving.server.app.log_to_standard_error", lambda: None)
    serve._plain(types.SimpleNamespace(**args), server.Settings())
    listening = uvicorn.Server(uvicorn.Config(**asked))
    thread = threading.Thread(target=listening.run)
    thread.start()
    try:
        while not listening.started and thread.is_alive():
            time.sleep(0.01)
        for size, code in ((50_000, b"200"), (150_000, b"400")):
            with socket.create_connection(("127.0.0.1", args["port"]), 5.0) as one:
                one.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nx: " + b"x" * size)
                one.sendall(b"\r\n\r\n" if code == b"200" else b"")
                assert one.recv(100).split()[1] == code
    finally:
        listening.should_exit = True
        thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--plain",)], ids=["ray", "plain"])
def test_it_batches_answers_and_drains(started, root, options):
    if not options:
        pytest.importorskip("ray")
    client, process = started(*options)
    told = {"noise": 0.01, "max_evaluations": 5, "rtol": 0}
    names = ["gaussian:5:1.0", "gaussian:3:1.0"]  # whose scenes are of one size
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        tasks = [
            pool.submit(deblur, client, picture(seed=i), kernel=names[i % 2], **told)
            for i in range(8)
        ]
        answers = [task.result() for task in tasks]
    model = ExportedModel.open(root / "any")
    told["light"] = "linear"  # unless told else
    for i, answer in enumerate(answers):
        assert answer.status_code == 200, answer.text
        kernel = kernels.parse(names[i % 2])
        alone = deblur_photo(model, Photo(picture(seed=i)), kernel=kernel, **told)
        found = pixels_of(answer.content)
        np.testing.assert_allclose(found, alone.photo.pixels, atol=0.52 / 255)
    lines = client.get("/metrics").text.splitlines()
    count = next(float(x.split()[1]) for x in lines if x.startswith("tf_jfb_batch_images_count"))
    assert count < 8  # some were solved together
    assert client.post("/v1/models/any:predict", content=b"{").status_code == 400

    def long():
        return deblur(client, picture(96), rtol=0, max_evaluations=300)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(long) for _ in range(2)]
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        assert [task.result().status_code for task in tasks] == [200, 200]
    # uvicorn ends by the signal that it was sent, once it has drained.
    assert process.wait(60) in (0, -signal.SIGTERM)
