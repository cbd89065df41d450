"""What the tests of the server's routes share: clients, pictures and kernels as files."""

import contextlib
import io

import numpy as np
from PIL import Image

from tf_jfb.data import dead_leaves
from tf_jfb.serving.server import ModelStore, Settings


@contextlib.contextmanager
def client_of(root, store=None, **settings):
    """A client of a server of the models below `root`, which are loaded when it begins."""
    from fastapi.testclient import TestClient

    from tf_jfb.serving.server.app import create_app

    store = store or ModelStore(root)
    store.scan()
    app = create_app(store, Settings(**settings))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def png(pixels) -> bytes:
    content = io.BytesIO()
    levels = np.uint8(np.round(np.clip(pixels, 0, 1) * 255))
    Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels).save(content, "PNG")
    return content.getvalue()


def pixels_of(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)), np.float32) / 255


def picture(side=24, seed=0, channels=3) -> np.ndarray:
    """[side, side, C] whose values are whole 255ths."""
    image = dead_leaves(1, side, seed=seed)[0]
    image = image if channels == 3 else image.mean(-1, keepdims=True)
    return np.round(image * 255).astype(np.float32) / np.float32(255)


def deblur(client, pixels=None, image=None, kernel="gaussian:5:1.0", name="any", **more):
    """The answer of `:deblur`; `kernel` a name, (file name, content), or None."""
    headers = more.pop("headers", {})
    image = png(picture() if pixels is None else pixels) if image is None else image
    files, data = {"image": ("photo.png", image)}, {k: str(v) for k, v in more.items()}
    if isinstance(kernel, tuple):
        files["kernel"] = kernel
    elif kernel is not None:
        data["kernel"] = kernel
    return client.post(f"/v1/models/{name}:deblur", files=files, data=data, headers=headers)
