"""Which files a folder, a pattern or names stand for, and which folders are which split."""

import pytest

from tf_jfb.data import find_images
from tf_jfb.data.folder import list_images, split_folder


@pytest.fixture
def tree(tmp_path):
    for name in ("b.JPG", "a.png", "sub/c.Tiff", "sub/deep/d.jpg", ".e.png", ".f/g.png", "h.txt"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "i.nef").write_bytes(b"")
    (tmp_path / "photos" / "link").symlink_to(tmp_path / "other")
    (tmp_path / "photos" / "sub" / "up").symlink_to(tmp_path / "photos")
    return tmp_path


def found(tree, *names):
    return [str(f.relative) for f in find_images(*(tree / name for name in names))]


def test_folders_are_followed_once_whatever_the_case(tree):
    assert found(tree, "photos") == ["a.png", "b.JPG", "link/i.nef", "sub/c.Tiff", "sub/deep/d.jpg"]
    names = [str(p.relative_to(tree / "photos")) for p in list_images(tree / "photos")]
    assert names == ["a.png", "b.JPG", "sub/c.Tiff", "sub/deep/d.jpg"]  # raw files train nothing


def test_patterns_take_extensions_of_any_case(tree, monkeypatch):
    assert found(tree, "photos/*.jpg") == ["b.JPG"]
    assert found(tree, "photos/**/*.jpg")[:2] == ["b.JPG", "sub/deep/d.jpg"]
    assert found(tree, "photos/sub/*") == ["c.Tiff"]
    monkeypatch.chdir(tree / "photos")
    assert [str(f.path) for f in find_images("s*/*.TIFF")] == ["sub/c.Tiff"]


def test_names_are_taken_as_they_are_and_once(tree):
    assert found(tree, "photos/h.txt", "photos/a.png", "photos")[:4] == [
        *("h.txt", "a.png", "b.JPG", "link/i.nef"),
    ]
    for name in ("none.png", "photos/*.webp", "empty"):
        (tree / "empty").mkdir(exist_ok=True)
        with pytest.raises(ValueError, match="There must be an image of that name.*Received: name"):
            find_images(tree / name)


@pytest.mark.parametrize("name", ["val", "valid", "Validation", "test", "dev"])
def test_usual_names_of_splits(tmp_path, name):
    for folder in ("Train", name):
        (tmp_path / folder).mkdir()
    assert split_folder(tmp_path, "train").name == "Train"
    assert split_folder(tmp_path, "test").name == name


def test_a_split_is_never_made_of_the_other(tmp_path):
    assert split_folder(tmp_path, "test") == tmp_path
    (tmp_path / "train").mkdir()
    (tmp_path / "holdout").mkdir()
    with pytest.raises(ValueError, match=r"a test one is named .*valid.*folders=\['holdout'"):
        split_folder(tmp_path, "test")
