"""What the page shows at the first click."""

import pathlib

_HERE = pathlib.Path(__file__).parent
# Installed, and in a checkout.
_PLACES = (_HERE / "astronaut.png", _HERE.parents[2] / "docs" / "images" / "astronaut.png")

# {name: blur and noise of a sharp photograph}; `blur` is a kind and its values.
EXAMPLES = {
    "Shaken camera": {"blur": ("Camera shake", 25, 3), "noise": 0.01},
    "Out of focus": {"blur": ("Out of focus", 3), "noise": 0.01},
    "Too few evaluations": {"blur": ("Straight motion", 15, 30), "noise": 0.01, "cap": 3},
}


def photograph() -> str | None:
    """The file of the examples' photograph: astronaut Eileen Collins, by NASA; None if missing."""
    return next((str(place) for place in _PLACES if place.is_file()), None)
