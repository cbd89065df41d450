"""Where exported models lie: folders, their versions, and the models that come with the package."""

import pathlib
import re

from tf_jfb._validate import check

# Beside the model, where SavedModel leaves it alone: the configuration of the training, what was
# certified of the model, and what it is.
CONFIG_OF_EXPORT = pathlib.Path("assets.extra") / "config.yaml"
CERTIFICATE_OF_EXPORT = pathlib.Path("assets.extra") / "certificate.yaml"
BLUR_OF_EXPORT = pathlib.Path("assets.extra") / "blur.npy"  # where the one blur was a file's
ABOUT_OF_EXPORT = pathlib.Path("assets.extra") / "tf_jfb.json"
_PACKAGE = pathlib.Path(__file__).parents[1]
_SHIPPED = (_PACKAGE / "shipped", _PACKAGE.parent / "saved_models")  # installed, in a checkout


def shipped() -> dict:
    """{name: folder of its newest version} of the models that come with the package."""
    home = next((folder for folder in _SHIPPED if folder.is_dir()), None)
    named = {} if home is None else {p.name: newest(p) for p in sorted(home.iterdir())}
    return {name: folder for name, folder in named.items() if _is_model(folder)}


def find(path_or_name) -> pathlib.Path:
    """The folder of a SavedModel: `path`, the newest version below it, or a shipped model's.

    Raises ValueError where there is none.
    """
    folder = newest(pathlib.Path(path_or_name))
    if _is_model(folder):
        return folder
    models = shipped()
    check(
        str(path_or_name) in models,
        "`model` must be a folder with a SavedModel, or one of"
        f" {', '.join(models) or 'the shipped models, of which none is here'}.",
        model=str(path_or_name),
    )
    return models[str(path_or_name)]


def newest(path: pathlib.Path) -> pathlib.Path:
    """The folder of the highest version below `path` that is whole, or `path` itself."""
    versions = [p for p in path.glob("*") if p.name.isdigit() and _is_model(p)]
    return max(versions, key=lambda p: int(p.name), default=path)


def describe(name: str, folder: pathlib.Path) -> dict:
    """`name`, `version`, `takes` (names of its inputs), `about` and `folder` of a model.

    Its signatures are read, its weights are not. `about` is the first sentence of the README beside
    its versions.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    inputs = saved.meta_graphs[0].signature_def["serving_default"].inputs
    order = ("image", "kernel", "noise")
    return {
        "name": name,
        "version": folder.name,
        "takes": sorted(inputs, key=lambda i: order.index(i) if i in order else len(order)),
        "about": _first_sentence(folder.parent / "README.md"),
        "folder": str(folder),
    }


def _first_sentence(file) -> str:
    paragraphs = file.read_text().split("\n\n") if file.is_file() else []
    text = next((p for p in paragraphs if not p.startswith("#")), "")
    return re.split(r"(?<=\.)\s+(?=[A-Z])", " ".join(text.split()))[0]


def read_yaml(file: pathlib.Path):
    """Its content, or None where there is no such file."""
    import yaml

    return yaml.safe_load(file.read_text()) if file.is_file() else None


def _is_model(folder) -> bool:
    return (folder / "saved_model.pb").is_file()
