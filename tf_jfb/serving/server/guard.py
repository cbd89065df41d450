"""What every request passes first: token, queue, size and time of its body; and the log's line."""

import asyncio
import hmac
import json
import logging
import math
import time
import uuid

from tf_jfb.serving.server.refused import RefusedError

# Asked without the token: by what watches the server, and by those who are yet to give it.
OPEN = ("/healthz", "/readyz", "/docs", "/openapi.json")
METHODS = ("GET", "HEAD", "OPTIONS", "POST")  # that are counted by name
_log = logging.getLogger("tf_jfb.server")


class Guard:
    """An ASGI middleware. The application behind it gets whole bodies only.

    The log says of a request what it was and how it ended, never what it held or its headers.
    """

    def __init__(self, app, settings, metrics):
        self.app, self.settings, self.metrics = app, settings, metrics
        self._working = 0

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                return await send({"type": "websocket.close", "code": 1000})
            return await self.app(scope, receive, send)
        started, told = time.monotonic(), {"code": 500}
        own = {"request": uuid.uuid4().hex[:16], "arrived": started}
        scope["state"] = {**scope.get("state", {}), **own}

        async def tell(message):
            if message["type"] == "http.response.start":
                told["code"] = message["status"]
                name = scope["state"]["request"].encode()
                message = {**message, "headers": [*message["headers"], (b"x-request-id", name)]}
            await send(message)

        try:
            await self._pass(scope, receive, tell)
        finally:
            self._end(scope, told["code"], time.monotonic() - started)

    async def _pass(self, scope, receive, send):
        works = scope["method"] == "POST"
        try:
            self._check_token(scope)
            if works and self._working >= self.settings.max_queue:
                raise RefusedError(429, "The queue is full: try again later.", self._later())
        except RefusedError as refused:
            return await answer(send, refused)
        self._working += works
        self.metrics.queue.set(self._working)
        try:
            body = await self._body(scope, receive)
            await self.app(scope, _replay(body, receive), send)
        except RefusedError as refused:
            await answer(send, refused)
        finally:
            self._working -= works
            self.metrics.queue.set(self._working)

    def _later(self) -> dict:
        """When to come again: after about as long as what waits takes."""
        wait = self.metrics.mean_seconds() * self.settings.max_queue / self.settings.max_batch
        return {"Retry-After": str(max(1, min(60, math.ceil(wait))))}

    def _check_token(self, scope) -> None:
        token = self.settings.token
        if token is None or scope["path"] in OPEN:
            return
        given = dict(scope["headers"]).get(b"authorization", b"")
        scheme, _, given = given.partition(b" ")
        right = hmac.compare_digest(given.strip(b" "), token.encode())
        if scheme.lower() != b"bearer" or not right:
            needed = {"WWW-Authenticate": "Bearer"}
            raise RefusedError(401, "The request must bear the server's token.", needed)

    async def _body(self, scope, receive) -> bytes:
        most, seconds = self.settings.max_bytes, self.settings.body_seconds
        reason = f"The body must have at most {most} bytes."
        large = RefusedError(413, reason, {"Connection": "close"})
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or int(length[:18]) > most:
            raise large
        try:
            return await asyncio.wait_for(_gathered(receive, most, large), seconds)
        except asyncio.TimeoutError:
            reason = f"The body must come within {seconds:g} seconds."
            raise RefusedError(408, reason, {"Connection": "close"}) from None

    def _end(self, scope, code, seconds) -> None:
        route = getattr(scope.get("route"), "path_format", "none")
        method = scope["method"] if scope["method"] in METHODS else "other"
        self.metrics.seconds.labels(method, route, code).observe(seconds)
        line = {"event": "request", "request": scope["state"]["request"], "route": route}
        line |= {"method": method, "code": code, "seconds": round(seconds, 4)}
        _log.info(json.dumps(line | scope["state"].get("told", {})))


async def _gathered(receive, most, large) -> bytes:
    """The whole body; raises `large` where it has more than `most` bytes."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(400, "The body must be whole.")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > most:
            raise large
    return bytes(body)


async def answer(send, refused: RefusedError) -> None:
    """Sends the reason as JSON."""
    content = json.dumps({"error": refused.reason}).encode()
    headers = {"content-type": "application/json", "content-length": str(len(content))}
    headers |= refused.headers
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refused.status, "headers": pairs})
    await send({"type": "http.response.body", "body": content})


def _replay(body, receive):
    """A `receive` that gives `body`, then what comes after it: that the client has gone."""
    sent = False

    async def again():
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
