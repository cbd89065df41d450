"""What the tests of the studies share."""

import sys

import pytest
from commands import SCRIPTS


@pytest.fixture
def alone(monkeypatch):
    """alone(answer): `answer` in place of a study's processes; returns the cases asked for."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import _cli

    def answered_by(answer) -> list:
        asked = []
        monkeypatch.setattr(_cli, "run_alone", lambda *case: asked.append(case) or answer(*case))
        return asked

    yield answered_by
    for name in [name for name in sys.modules if name.startswith("studies.")]:
        del sys.modules[name]
