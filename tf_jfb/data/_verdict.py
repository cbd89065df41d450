"""Whether image files can be used, from their headers where they tell."""

import concurrent.futures
from typing import NamedTuple

from tf_jfb import _raster
from tf_jfb.data._remembered import State, recall, remember, state_of
from tf_jfb.data.image_io import read_image


class Verdict(NamedTuple):
    """What is known of a file: its size, or why it cannot be used."""

    size: tuple | None  # (height, width), upright
    reason: str | None = None


def verdicts(paths) -> list[Verdict]:
    """Of files, each asked once as long as it stays as it is; the good ones in later runs neither.

    Headers tell of sound files of most kinds; what ends too early, or holds floating-point numbers,
    is decoded. What cannot be used is looked at in every run: it may be for want of a package.
    """
    states = [_state(path) for path in paths]
    asked = [s for s in states if isinstance(s, State) and s not in _known]
    recalled = {state: Verdict(size) for state, size in recall(asked).items()}
    new = list(dict.fromkeys(state for state in asked if state not in recalled))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        looked = dict(zip(new, pool.map(_verdict, new), strict=True))
    remember({state: found.size for state, found in looked.items() if found.size is not None})
    _known.update(recalled | looked)
    return [state if isinstance(state, Verdict) else _known[state] for state in states]


def _state(path) -> State | Verdict:
    try:
        return state_of(path)
    except OSError as error:
        return Verdict(None, error.strerror)


_known: dict = {}  # {State: Verdict} of this process


def _verdict(state: State) -> Verdict:
    path = state.path
    try:
        header = _raster.inspect(path)
        if header.channels not in (1, 3):
            return Verdict(None, f"it has {header.channels} channels")
        if not header.sound and read_image(path).mask is not None:
            return Verdict(None, "some of its pixels are no numbers")
    except Exception as error:  # decoders raise nearly anything on a damaged file
        return Verdict(None, str(error).partition(": `pages`")[0])  # an option of other readers
    return Verdict((header.height, header.width))
