"""How far work has come, on standard error: a bar on a terminal, else a line now and then."""

import sys
import time

WIDTH = 24
EVERY = 10.0  # seconds between two lines where there is no terminal
FEW = 20  # so many get a line each


class Progress:
    """Counts what is done of `total`, and how many of these converged or failed."""

    def __init__(self, total: int, unit: str = "images", stream=None):
        self.total, self.unit, self.stream = total, unit, stream or sys.stderr
        self.bar = self.stream.isatty()
        self.done = self.worked = self.converged = self.failed = 0
        self.start = self.told = self._since = time.monotonic()

    def add(self, name: str, status: str, figures: str = "") -> None:
        """One more; `status` is CONVERGED, KEPT, ERROR or another."""
        self.done += 1
        self.worked += status != "KEPT"
        self.converged += status == "CONVERGED"
        self.failed += status == "ERROR"
        now = time.monotonic()
        if self.bar:
            if status == "ERROR":
                self._say(f"\r\033[K{name}: {figures}\n")
            self._say(f"\r\033[K{self._line(now)}")
        elif status == "ERROR" or self.total <= FEW:
            self._say(f"{name}: {' '.join(filter(None, (status, figures)))}\n")
        elif now - self.told > EVERY or self.done == self.total:
            self.told = now
            self._say(f"{self._line(now)}\n")

    def tiles(self, name: str, done: int, count: int) -> None:
        """Of one large image; those of the next one follow."""
        now = time.monotonic()
        left = (now - self._since) / done * (count - done)
        self._since = now if done == count else self._since
        line = f"{name}: {done} of {count} tiles, {_clock(left)} left"
        if self.bar:
            self._say(f"\r\033[K{line}" + "\n" * (done == count))
        elif done == count or now - self.told > EVERY:
            self.told = now
            self._say(f"{line}\n")

    def close(self) -> None:
        if self.bar and self.done:
            self._say("\n")

    def _line(self, now) -> str:
        seconds = max(now - self.start, 1e-9)
        rate = self.worked / seconds
        good = self.converged / max(self.worked - self.failed, 1)
        left = _clock((self.total - self.done) / rate) if rate else "?"
        filled = round(WIDTH * self.done / max(self.total, 1))
        return (
            f"[{'#' * filled}{' ' * (WIDTH - filled)}] {self.done} of {self.total} {self.unit}, "
            f"{rate:.2g} per second, {good:.0%} converged, {self.failed} failed, {left} left"
        )

    def _say(self, text) -> None:
        self.stream.write(text)
        self.stream.flush()


def _clock(seconds) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
