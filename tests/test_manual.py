"""Links lead somewhere, and the manual's navigation holds every page and every public module.

`make docs` builds the site, where the same links are checked again.
"""

import pathlib
import re

import pytest
import yaml
from test_public_surface import PUBLIC

ROOT = pathlib.Path(__file__).parents[1]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "saved_models/*/*.md", "scripts/**/*.md")
    for path in ROOT.glob(pattern)
)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page: pathlib.Path) -> set[str]:
    """Of its headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.*)$", without_code(page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def broken(page: pathlib.Path) -> list[str]:
    found = []
    for link in LINK.findall(without_code(page.read_text())):
        if re.match(r"https?:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or anchor and anchor not in anchors(target):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    assert broken(page) == []


def test_broken_links_are_noticed(tmp_path):
    (tmp_path / "there.md").write_text("# A b, c\n```\n# no heading\n```\n")
    page = tmp_path / "page.md"
    page.write_text("[a](there.md#a-b-c) [b](there.md#no-heading) [c](missing.md) [d](#none)")
    assert broken(page) == ["there.md#no-heading", "missing.md", "#none"]


def entries(node) -> list[str]:
    if isinstance(node, str):
        return [node]
    children = node if isinstance(node, list) else node.values()
    return [page for child in children for page in entries(child)]


NAVIGATION = entries(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])


def test_navigation_holds_every_page():
    pages = {str(p.relative_to(ROOT / "docs")) for p in PAGES if ROOT / "docs" in p.parents}
    assert pages <= set(NAVIGATION)
    assert len(NAVIGATION) == len(set(NAVIGATION))


def test_navigation_holds_every_public_module():
    modules = {name.removeprefix("tf_jfb.") for name in PUBLIC} - {"cli"}
    listed = {page[4:-3] for page in NAVIGATION if page.startswith("api/")}
    assert listed == modules | {"operators.kernels"}
