"""How long an evaluation takes, and how many fit into the time that is left."""

import math
import threading

WEIGHT = 0.3  # of the newest measurement in the running mean
SHARE = 0.8  # of the time left that evaluations may take: the answer must be written too


class Pace:
    """Measured seconds per evaluation and pixel, by size.

    Small images cost more per pixel than large ones, so that sizes are kept apart by powers of two,
    and a size never seen is told by the nearest.
    """

    def __init__(self):
        self._means, self._lock = {}, threading.Lock()

    def measured(self, seconds: float, evaluations: int, pixels: int) -> None:
        """Takes in a solve of `pixels`, of all its images, that took `evaluations` steps."""
        cost = seconds / (max(1, evaluations) * pixels)
        with self._lock:
            size = _size(pixels)
            old = self._means.get(size, cost)
            self._means[size] = old + WEIGHT * (cost - old)

    def seconds(self, pixels: int) -> float | None:
        """Of one evaluation of `pixels`; None before anything was measured."""
        with self._lock:
            if not self._means:
                return None
            nearest = min(self._means, key=lambda size: abs(size - _size(pixels)))
            return self._means[nearest] * pixels

    def evaluations(self, seconds: float, pixels: int, most: int) -> int:
        """That fit into `seconds`, in 1 to `most`."""
        each = self.seconds(pixels)
        if each is None or seconds == math.inf:
            return most
        return max(1, min(most, int(SHARE * max(0.0, seconds) / each)))


def _size(pixels) -> int:
    return int(math.log2(max(1, pixels)))
