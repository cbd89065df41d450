"""The models of a folder: found, swapped, drained, and never from elsewhere."""

import shutil
import time

import pytest
import tensorflow as tf

from tf_jfb.serving.server import ModelStore, RefusedError


def states(store, name="fixed"):
    return {version: state.state for version, state in store.status(name).items()}


def wait_for(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


@pytest.fixture
def store(root):
    shutil.rmtree(root / "any")
    store = ModelStore(root, drain_seconds=20.0)
    store.scan()
    return store


def test_a_new_version_replaces_the_old_when_it_is_no_longer_used(store, root):
    assert store.ready and store.names == ["fixed"] and states(store) == {1: "AVAILABLE"}
    old = store.lease("fixed")
    shutil.copytree(root / "fixed" / "1", root / "fixed" / "2")
    store.scan()
    with store.lease("fixed") as new:
        assert new.version == 2 and not new.drained(0)
    assert new.drained(0)
    assert states(store) == {2: "AVAILABLE", 1: "UNLOADING"}
    image = tf.fill([1, 9, 9, 1], 0.5)
    assert old.signatures["serving_default"](image=image)["restored"].shape == (1, 9, 9, 1)
    old.__exit__()
    wait_for(lambda: states(store) == {2: "AVAILABLE", 1: "END"})
    with pytest.raises(RefusedError, match="version '1'"):
        store.lease("fixed", "1")


def test_a_broken_version_is_reported_and_the_old_one_stays(store, root):
    broken = root / "fixed" / "2"
    broken.mkdir()
    store.scan()
    assert states(store) == {1: "AVAILABLE"}  # not yet a model
    (broken / "saved_model.pb").write_bytes(b"no model")
    store.scan()
    state = store.status("fixed")[2]
    assert state.state == "END" and state.error and str(root) not in state.error
    assert store.lease("fixed").version == 1
    shutil.copytree(broken, root / "only" / "1")  # of which no version works
    store.scan()
    assert store.names == ["fixed"] and states(store, "only") == {1: "END"}
    shutil.rmtree(broken)
    shutil.copytree(root / "fixed" / "1", broken)  # repaired
    store.scan()
    assert store.lease("fixed").version == 2


def test_a_version_that_is_taken_away_gives_way_to_the_one_before(store, root):
    shutil.copytree(root / "fixed" / "1", root / "fixed" / "2")
    store.scan()
    shutil.rmtree(root / "fixed" / "2")
    store.scan()
    assert store.lease("fixed").version == 1
    shutil.rmtree(root / "fixed")
    store.scan()
    with pytest.raises(RefusedError, match="a model of this name") as refused:
        store.lease("fixed")
    assert refused.value.status == 404 and not store.ready


def test_models_come_from_the_folder_alone(root, tmp_path):
    shutil.move(root / "any", tmp_path / "outside")
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "within").mkdir()
    (root / "within" / "1").symlink_to(tmp_path / "outside" / "1")
    store = ModelStore(root)
    store.scan()
    assert store.names == ["fixed"]
    for name in ("../outside", "link", "within", "..", "fixed/1", ""):
        with pytest.raises(RefusedError):
            store.lease(name)
    with pytest.raises(ValueError, match="`models` must be a folder"):
        ModelStore(tmp_path / "nothing")
