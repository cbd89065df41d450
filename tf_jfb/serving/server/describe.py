"""Models as TensorFlow Serving tells of them."""

from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import saved_model_pb2

from tf_jfb._validate import finite

_TYPE = "type.googleapis.com/tensorflow.serving.SignatureDefMap"


def status_of(states: dict) -> dict:
    """Of {version: State}."""
    rows = []
    for version, state in states.items():
        code = "UNKNOWN" if state.error else "OK"
        status = {"error_code": code, "error_message": state.error}
        rows.append({"version": str(version), "state": state.state, "status": status})
    return {"model_version_status": rows}


def metadata_of(version) -> dict:
    """Of a loaded version: its signatures; beside them `tf_jfb`, what is known of the model."""
    saved = saved_model_pb2.SavedModel.FromString((version.folder / "saved_model.pb").read_bytes())
    signatures = {
        name: {
            "inputs": {key: _tensor(info) for key, info in definition.inputs.items()},
            "outputs": {key: _tensor(info) for key, info in definition.outputs.items()},
            "method_name": definition.method_name,
        }
        for name, definition in saved.meta_graphs[0].signature_def.items()
    }
    spec = {"name": version.name, "signature_name": "", "version": str(version.version)}
    known = {"signature_def": {"@type": _TYPE, "signature_def": signatures}}
    if version.model is not None:
        own = {"rtol": version.model.rtol, "max_evaluations": version.model.max_evaluations}
        known["tf_jfb"] = finite((version.model.about or {}) | own)
    return {"model_spec": spec, "metadata": known}


def _tensor(info) -> dict:
    shape = info.tensor_shape
    return {
        "dtype": types_pb2.DataType.Name(info.dtype),
        "tensor_shape": {
            "dim": [{"size": str(dim.size), "name": dim.name} for dim in shape.dim],
            "unknown_rank": shape.unknown_rank,
        },
        "name": info.name,
    }
