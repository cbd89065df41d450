"""Large images, some rows at a time, so that double precision does not take several times them."""

ROWS = 256


def blocks(count: int):
    """Slices of `ROWS` rows that make up `count`."""
    return (slice(first, first + ROWS) for first in range(0, count, ROWS))
