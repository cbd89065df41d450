"""What setup.cfg cannot say: which models of saved_models/ and which photograph are packed."""

import pathlib
import shutil

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = pathlib.Path(__file__).parent
PHOTOGRAPH = "astronaut.png"  # that the page's examples show


def shipped(models: pathlib.Path):
    """(file, its path below tf_jfb/shipped) of every model's newest version, card and terms."""
    for model in sorted(path for path in models.iterdir() if path.is_dir()):
        newest = max(
            (path for path in model.iterdir() if path.name.isdigit()), key=lambda p: int(p.name)
        )
        files = [*model.glob("*.md"), *(path for path in newest.rglob("*") if path.is_file())]
        for file in files:
            yield file, file.relative_to(models)


class BuildWithModels(build_py):
    """`build_py`, then models and photograph; editable installations find both in the checkout."""

    def run(self):
        super().run()
        if self.editable_mode:
            return
        home = pathlib.Path(self.build_lib) / "tf_jfb" / "shipped"
        shutil.rmtree(home, ignore_errors=True)  # of a build before this one
        for file, place in shipped(ROOT / "saved_models"):
            target = home / place
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        page = pathlib.Path(self.build_lib) / "tf_jfb" / "serving" / "page"
        page.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / "docs" / "images" / PHOTOGRAPH, page / PHOTOGRAPH)


setup(cmdclass={"build_py": BuildWithModels})
