"""What was measured of a model, beside its export."""

import pathlib

import yaml

from tf_jfb._files import write_text
from tf_jfb._validate import check
from tf_jfb.exported._folder import CERTIFICATE_OF_EXPORT


def check_exported(folder) -> None:
    """Raises ValueError unless `folder` is a version of an exported model."""
    model = pathlib.Path(folder) / "saved_model.pb"
    check(model.is_file(), "A certificate is an exported model's version's.", folder=str(folder))


def write(folder, figures: dict) -> pathlib.Path:
    """Writes `figures`, of plain numbers and text, as the certificate of an exported model.

    `ExportedModel.certificate` reads them. An earlier certificate is replaced.

    Raises:
        ValueError: `folder` is no version of an exported model.
    """
    check_exported(folder)
    file = pathlib.Path(folder) / CERTIFICATE_OF_EXPORT
    file.parent.mkdir(exist_ok=True)
    write_text(file, yaml.safe_dump(figures, sort_keys=False))
    return file
