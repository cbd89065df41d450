"""Requests for `serving.py`: made, sent, and checked against the model itself."""

import http.client
import io
import json
import pathlib
import secrets
import threading
import time
from typing import NamedTuple

import numpy as np

from tf_jfb._streams import Stream, generator, unit_noise
from tf_jfb.data import Photo, dead_leaves, read_image
from tf_jfb.data.image_io import encode_image
from tf_jfb.exported import ExportedModel, deblur_photo
from tf_jfb.operators import BlurFFT, kernels

SIDES = (64, 96, 128, 192, 256)
BLURS = ("gaussian:5:1.0", "disk:2", "line:9:30", "motion:15:3", "box:3", "gaussian:13:2.0")
LEVELS = 65535  # of the pictures, so that an answer is as good as its 16 bits
NOISE = 0.01
TOLERANCE = 1e-5 + 0.51 / LEVELS


class Ask(NamedTuple):
    """A request: `index` in the pool, what is sent, and whether it is a bad one."""

    index: int
    fields: dict  # {name: text, or content of a file}
    deadline: float | None = None
    bad: bool = False


class Told(NamedTuple):
    """What became of it."""

    ask: Ask
    code: int  # 0: no answer came
    seconds: float
    at: float  # seconds since the beginning
    evaluations: int = 0
    version: str = ""
    file: str = ""  # of the picture
    reason: str = ""


def pool(count: int, cap: int) -> list[Ask]:
    """`count` requests of different pictures, sizes and blurs."""
    asks = []
    for i in range(count):
        side, blur = SIDES[i % len(SIDES)], BLURS[i % len(BLURS)]
        sharp = dead_leaves(1, side, seed=i)[0]
        blurred = BlurFFT(kernels.parse(blur))(sharp[None])[0].numpy()
        blurred = blurred + NOISE * unit_noise(i, Stream.NOISE, blurred.shape)
        content = encode_image(Photo(np.float32(np.clip(blurred, 0, 1)), bits=16), "photo.png")
        fields = {"image": content, "kernel": blur, "noise": str(NOISE), "rtol": "0.001"}
        asks.append(Ask(i, fields | {"max_evaluations": str(cap)}))
    return asks


def spoiled(ask: Ask, kind: int) -> Ask:
    """`ask` as a request that must be refused."""
    changes = (
        {"image": ask.fields["image"][:200]},
        {"noise": "nan"},
        {"kernel": "gaussian:100001:3"},
        {"kernel": "../../etc/passwd"},
        {"max_evaluations": "-3"},
        {"colour": "red"},
    )
    return ask._replace(fields=ask.fields | changes[kind % len(changes)], bad=True)


class Clients:
    """Threads that ask one after another, until `stop`; `told` is what they were told."""

    def __init__(self, port: int, model: str, asks, count: int, folder, mixed: bool):
        self.address, self.path = ("127.0.0.1", port), f"/v1/models/{model}:deblur"
        self.asks, self.folder, self.mixed = asks, pathlib.Path(folder), mixed
        self.told, self.started, self._ended = [], time.monotonic(), threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(i,)) for i in range(count)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> list[Told]:
        """Waits for the answers that are due."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        return self.told

    def _work(self, number: int) -> None:
        rng, count = generator(number, Stream.ORDER), 0
        while not self._ended.is_set():
            ask = self.asks[int(rng.integers(len(self.asks)))]
            lot = rng.random()
            if self.mixed and lot < 0.1:
                ask = spoiled(ask, count)
            elif self.mixed and lot < 0.3:
                ask = ask._replace(deadline=float(rng.uniform(200, 3000)))
            count += 1
            self.told.append(self._send(ask, f"{number}-{count}.png"))

    def _send(self, ask: Ask, name: str) -> Told:
        started = time.monotonic()
        try:
            code, headers, body = self._post(ask)
        except (OSError, http.client.HTTPException) as error:
            code, headers, body = 0, {}, repr(error).encode()
        told = Told(ask, code, time.monotonic() - started, started - self.started)
        if code != 200:
            return told._replace(reason=_reason(body))
        (self.folder / name).write_bytes(body)
        own = int(headers["x-deblur-evaluations"]), headers["x-deblur-version"]
        return told._replace(evaluations=own[0], version=own[1], file=name)

    def _post(self, ask) -> tuple:
        fields = dict(ask.fields)
        if ask.deadline is not None:
            fields["deadline_ms"] = f"{ask.deadline:.0f}"
        kind, body = multipart(fields)
        connection = http.client.HTTPConnection(*self.address, timeout=300)
        try:
            connection.request("POST", self.path, body, {"Content-Type": kind})
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, headers, answer.read()
        finally:
            connection.close()


def _reason(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace")


def multipart(fields: dict) -> tuple[str, bytes]:
    """(content type, body) of a form; bytes are files."""
    mark, body = secrets.token_hex(16), io.BytesIO()
    for name, value in fields.items():
        file = '; filename="photo.png"' if isinstance(value, bytes) else ""
        head = f'--{mark}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        body.write(head.encode())
        body.write(value if isinstance(value, bytes) else str(value).encode())
        body.write(b"\r\n")
    body.write(f"--{mark}--\r\n".encode())
    return f"multipart/form-data; boundary={mark}", body.getvalue()


class Truth:
    """What the model itself answers; `seconds` of every whole solve that was timed."""

    def __init__(self, model: str):
        self.model, self._known = ExportedModel.open(model), {}

    def time(self, asks) -> list[float]:
        """Seconds of each, one after another, after one that warms up."""
        self(asks[0], None)
        seconds = []
        for ask in asks:
            started = time.monotonic()
            self._solve(ask, None)
            seconds.append(time.monotonic() - started)
        return seconds

    def __call__(self, ask: Ask, evaluations: int | None) -> np.ndarray:
        """The picture after so many evaluations."""
        key = ask.index, evaluations
        if key not in self._known:
            self._known[key] = self._solve(ask, evaluations)
        return self._known[key]

    def difference(self, told: Told, folder) -> float:
        """Largest of an answer's pixels to the model's own."""
        found = read_image(pathlib.Path(folder) / told.file).pixels
        return float(np.abs(found - self(told.ask, told.evaluations)).max())

    def _solve(self, ask, evaluations):
        photo = read_image(ask.fields["image"])
        options = {"kernel": kernels.parse(ask.fields["kernel"]), "noise": NOISE, "rtol": 1e-3}
        options["max_evaluations"] = evaluations or int(ask.fields["max_evaluations"])
        return deblur_photo(self.model, photo, light="linear", **options).photo.pixels
