"""Weights in files: addressed by name, with the format and the version that wrote them."""

import contextlib
import pathlib
import zipfile
import zlib

import numpy as np
import tensorflow as tf

from tf_jfb._compat import KERAS_3, paths, value
from tf_jfb._files import replacing
from tf_jfb._validate import check, refuse
from tf_jfb._version import __version__

_OF_THE_FILE = {"format", "version"}  # beside the weights
FORMAT = 2  # 1 had no number, and weights by their place among the model's variables


def save_weights(path, model) -> None:
    """Every weight of `model` (not of its optimizer) in one .npz, written whole."""
    save_arrays(path, arrays_of(named_weights(model)))


def save_arrays(path, arrays: dict) -> None:
    """`arrays` by name in one .npz, with format and version, written whole."""
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays, format=FORMAT, version=__version__)


def arrays_of(variables: dict) -> dict:
    """The values of variables by name."""
    return {name: variable.numpy() for name, variable in variables.items()}


def load_weights(path, model) -> None:
    """Loads a run's best weights, or those of an exported model, into a built model.

    Args:
        path: a file of `save_weights`, a run folder with its `best.npz`, or a SavedModel folder.
        model: of the same architecture.

    Raises:
        ValueError: `path` is none of these, of a later format, or its weights are of another
            architecture.
    """
    with _saved_at(path) as saved:
        assign(model, saved)


def names_at(path) -> set:
    """The names of the weights that `load_weights` would find at `path`."""
    with _saved_at(path) as saved:
        return set(saved) - _OF_THE_FILE


@contextlib.contextmanager
def _saved_at(path):
    path = pathlib.Path(path)
    if (path / "saved_model.pb").is_file():
        yield _of_export(path)
        return
    file = path / "best.npz" if (path / "best.npz").is_file() else path
    check(file.is_file(), "There must be a run folder, or an exported model.", path=str(path))
    with arrays_in(file) as saved:
        yield saved


@contextlib.contextmanager
def arrays_in(path):
    """What `save_arrays` wrote, by name; raises ValueError if the file is not whole."""
    advice = "The file must be whole: put a copy in its place, or remove it to do without."
    check(zipfile.is_zipfile(path), advice, file=str(path))
    try:
        with np.load(path) as saved:
            yield saved
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        refuse(f"{advice} ({error})", file=str(path))


def named_weights(model) -> dict:
    """{name: variable}, the names being those of the layer and of its weight within `model`.

    Metrics, which are a training's own, are left out.
    """
    transient = {id(value(v)) for metric in model.metrics for v in metric.variables}
    kept = [v for v in model.variables if id(value(v)) not in transient]
    network = getattr(getattr(model, "network", None), "name", None)
    names = [_short(path, model.name, network) for path in paths(kept, model)]
    check(len(set(names)) == len(names), "Weights must have names of their own.", names=names)
    return {name: value(v) for name, v in zip(names, kept, strict=True)}


def state_of(model) -> dict:
    """{name: variable} of all that a training changes: weights, and the optimizer's variables.

    Those go by their place, which is that of the generation of Keras in their name.
    """
    keras = f"optimizer of Keras {3 if KERAS_3 else 2}"
    optimizer = {f"{keras}/{i}": value(v) for i, v in enumerate(_optimizer_variables(model))}
    return named_weights(model) | optimizer


def _optimizer_variables(model) -> list:
    variables = model.optimizer.variables
    return list(variables() if callable(variables) else variables)


def assign_state(model, saved) -> None:
    """Undoes `arrays_of(state_of(model))`; raises ValueError as `assign`."""
    if _format(saved) == 1:
        every = [*model.variables, *_optimizer_variables(model)]
        return _assign({f"v{i}": value(v) for i, v in enumerate(every)}, saved)
    _assign(state_of(model), saved)


def assign(model, saved) -> None:
    """Gives the weights of `model` the values `saved` by name.

    Raises ValueError where names or shapes are not those, or the format is a later one.
    """
    if _format(saved) == 1:
        return _assign({f"v{i}": value(v) for i, v in enumerate(model.variables)}, saved)
    variables = named_weights(model)
    beyond = sorted(set(saved) - set(variables) - _OF_THE_FILE)
    check(
        not beyond,
        "The saved weights must be of the model's architecture: it has none of these.",
        saved=beyond[:3],
    )
    _assign(variables, saved)


def _format(saved) -> int:
    written = int(saved["format"]) if "format" in saved else 1
    check(written <= FORMAT, "The weights are of a later version.", format=written)
    return written


def _assign(variables: dict, saved) -> None:
    wrong = {
        name: (tuple(v.shape), tuple(saved[name].shape) if name in saved else None)
        for name, v in variables.items()
        if name not in saved or tuple(saved[name].shape) != tuple(v.shape)
    }
    first = dict(list(wrong.items())[:3])
    check(
        not wrong,
        "The saved weights must be of the model's architecture.",
        model={name: shapes[0] for name, shapes in first.items()},
        saved={name: shapes[1] for name, shapes in first.items()},
    )
    for name, variable in variables.items():
        variable.assign(saved[name])


def _of_export(folder) -> dict:
    """The weights of a SavedModel, by name; in its first format by their place."""
    checkpoint = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    start, end = "weights/", "/.ATTRIBUTES/VARIABLE_VALUE"
    keys = [k for k in checkpoint.get_variable_to_shape_map() if k.startswith(start)]
    saved = {k.removeprefix(start).removesuffix(end): checkpoint.get_tensor(k) for k in keys}
    if all(name.isdigit() for name in saved):
        return {f"v{name}": array for name, array in saved.items()}
    # TensorFlow writes a slash in a name as ".S".
    return {name.replace(".S", "/"): array for name, array in saved.items()} | {"format": FORMAT}


def _short(path: str, model: str, network: str | None) -> str:
    """A variable's path below its model, or below its network: their names Keras numbers.

    The path of a network that was built within another model starts with that model's name.
    """
    parts = path.split("/")
    for name in (network, model):
        if name in parts[:-1]:
            return "/".join(parts[parts.index(name) + 1 :])
    return path
