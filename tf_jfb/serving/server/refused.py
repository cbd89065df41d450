"""Requests that are not answered."""


class RefusedError(Exception):
    """A request that cannot be answered: the HTTP status and one sentence that says why."""

    def __init__(self, status: int, reason: str, headers: dict | None = None):
        super().__init__(reason)
        self.status, self.reason, self.headers = status, reason, headers or {}
