"""Hooks of MkDocs: files outside of docs/ and modules become pages; links follow them.

A page links to another as it does in the repository, so that both can be read; here the links are
rewritten to where the site has the page.
"""

import ast
import pathlib
import posixpath
import re

from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor
from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).parents[1]
DISPLAY = re.compile(r"^ *(\$\$.+?\$\$) *$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(\]\()([^)\s:#]+)(?=[)#])")  # [text](file or [text](file#heading

# {path in the repository: page of the site}
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "LICENSE": "license.txt",
    "scripts/gpu/README.md": "gpu.md",
}
for model in sorted(path.name for path in (ROOT / "saved_models").iterdir() if path.is_dir()):
    PAGES[f"saved_models/{model}/README.md"] = f"cards/{model}.md"
    PAGES[f"saved_models/{model}/LICENSE-DATA.md"] = f"cards/{model}-data.md"
HOMES = {page: path for path, page in PAGES.items() if path != "README.md"}


def modules():
    """Public modules by their names without `tf_jfb.`, "tf_jfb" itself among them."""
    package = ROOT / "tf_jfb"
    names = {path.stem for path in package.iterdir() if path.suffix == ".py" or path.is_dir()}
    public = {name for name in names if not name.startswith("_")} - {"cli", "shipped", "py"}
    return sorted(public | {"tf_jfb", "models.baselines", "operators.kernels"})


def interface(name):
    """The page of a module: what its `__all__` names, modules and functions called alike too."""
    full, home = (name, "") if name == "tf_jfb" else (f"tf_jfb.{name}", name.replace(".", "/"))
    folder = ROOT / "tf_jfb" / home
    text = f"# {full}\n\n::: {full}\n"
    if not folder.is_dir() or name == "tf_jfb":
        return text
    public = next(
        ast.literal_eval(node.value)
        for node in ast.parse((folder / "__init__.py").read_text()).body
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"
    )
    options = "    options: {show_root_heading: true, show_root_toc_entry: true}\n"
    for member in (n for n in public if (folder / f"{n}.py").is_file()):
        module = f"{full}.{member}"
        functions = ast.parse((folder / f"{member}.py").read_text()).body
        named = any(getattr(node, "name", None) == member for node in functions)
        text += f"\n::: {module}.{member}\n{options}" if named else f"\n::: {module}\n{options}"
    return text


class DisplayedMath(Preprocessor):
    """$$...$$ on lines of its own is a block, also where the paragraph goes on after it."""

    def run(self, lines):
        return DISPLAY.sub(r"\n\1\n", "\n".join(lines)).split("\n")


class Mathematics(Extension):
    def extendMarkdown(self, md):  # noqa: N802
        md.preprocessors.register(DisplayedMath(md), "displayed-math", 15)  # after fenced code


def on_config(config):
    config.markdown_extensions.append(Mathematics())
    return config


def on_files(files, config):
    for page, path in HOMES.items():
        files.append(File.generated(config, page, content=(ROOT / path).read_text()))
    for name in modules():
        files.append(File.generated(config, f"api/{name}.md", content=interface(name)))
    return files


def on_page_markdown(markdown, page, config, files):
    uri = page.file.src_uri
    home = posixpath.dirname(HOMES.get(uri, f"docs/{uri}"))

    def on_site(match):
        target = posixpath.normpath(posixpath.join(home, match[2]))
        target = PAGES.get(target, target.removeprefix("docs/"))
        return match[1] + posixpath.relpath(target, posixpath.dirname(uri) or ".")

    return LINK.sub(on_site, markdown)
