"""Metadata, version and what `import tf_jfb` costs."""

import ast
import configparser
import importlib.util
import pathlib
import re
import subprocess
import sys
from unittest import mock

import pytest
from setuptools import Distribution

import tf_jfb
from tf_jfb.exported import shipped

ROOT = pathlib.Path(__file__).parents[1]
HEAVY = ("tensorflow_datasets", "keras_tuner", "matplotlib", "cv2", "PIL", "tqdm", "yaml")


@pytest.fixture(scope="module")
def config():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def names(requirements: str) -> set[str]:
    return set(re.findall(r"^[\w-]+", requirements, re.MULTILINE))


def test_every_needed_package_is_declared(config):
    required = names(config["options"]["install_requires"])
    extras = {extra: names(text) for extra, text in config["options.extras_require"].items()}
    assert required >= {"tensorflow", "keras", "numpy"}
    assert "tensorflow-datasets" in extras["data"]
    assert "keras-tuner" in extras["tune"]
    assert "pytest" in extras["test"]
    assert "tensorflow-addons" in extras["addons"]


def test_constraints_pin_what_is_required(config):
    pinned = names((ROOT / "constraints.txt").read_text())
    extras = config["options.extras_require"]
    needed = names(config["options"]["install_requires"])
    tried = ["data", "tune", "tensorboard", "serve", "page", "test", "test-serve"]
    tried += ["notebooks", "lint"]
    for extra in tried:
        needed |= names(extras[extra])
    normal = {name.lower().replace("_", "-") for name in pinned}
    assert {name.lower().replace("_", "-") for name in needed} <= normal


def test_the_manual_and_the_checks_of_the_package_have_pins_of_their_own(config):
    extras = config["options.extras_require"]
    pinned = names((ROOT / "constraints-docs.txt").read_text())
    assert names(extras["docs"]) | names(extras["release"]) <= pinned
    assert "tensorflow" not in pinned


def test_version_has_one_source(config):
    assert config["metadata"]["version"] == "attr: tf_jfb._version.__version__"
    tree = ast.parse((ROOT / "tf_jfb" / "_version.py").read_text())
    literals = [
        n.value.value
        for n in tree.body
        if isinstance(n, ast.Assign) and n.targets[0].id == "__version__"
    ]
    assert literals == [tf_jfb.__version__]


def test_every_folder_of_code_is_a_package():
    """A folder without `__init__.py` would be missing from an installation."""
    folders = {path.parent for path in (ROOT / "tf_jfb").rglob("*.py")}
    assert [f for f in folders if not (f / "__init__.py").exists()] == []


def test_the_package_holds_the_newest_version_of_every_shipped_model(tmp_path):
    spec = importlib.util.spec_from_file_location("setup_of_tf_jfb", ROOT / "setup.py")
    module = importlib.util.module_from_spec(spec)
    with mock.patch("setuptools.setup"):
        spec.loader.exec_module(module)
    build = module.BuildWithModels(Distribution({"packages": []}))
    build.initialize_options()
    build.build_lib, build.editable_mode, build.packages, build.py_modules = tmp_path, False, [], []
    build.data_files, build.force, build.compile, build.optimize = [], False, 0, 0
    build.run()
    photograph = tmp_path / "tf_jfb" / "serving" / "page" / "astronaut.png"
    assert photograph.read_bytes() == (ROOT / "docs" / "images" / "astronaut.png").read_bytes()
    built = tmp_path / "tf_jfb" / "shipped"
    assert {folder.name for folder in built.iterdir()} == set(shipped())
    for name, folder in shipped().items():
        assert [p.name for p in (built / name).iterdir() if p.is_dir()] == [folder.name]
        assert (built / name / "README.md").is_file()
        assert "research" in (built / name / "LICENSE-DATA.md").read_text()
        files = {
            str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()
        }
        found = built / name / folder.name
        assert {f: (found / f).read_bytes() for f in files} == files


@pytest.mark.slow
def test_import_draws_no_optional_package():
    """Keras itself imports some of them where it finds them, so they are barred only afterwards."""
    code = (
        "import sys, tensorflow, keras;"
        f"sys.modules.update(dict.fromkeys({HEAVY}));"  # None makes an import of it fail
        "import tf_jfb"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
