"""
``self.client`` of a locustfile: speaks like a session of *requests*, and asks like any journey.

It is used in a thread of its user's; the request itself is made in the event loop of the
generator, so that it is timed and recorded as all others are.
"""

from __future__ import annotations

import asyncio
import base64
import json as json_
from collections.abc import Callable, Mapping
from datetime import timedelta
from http.cookies import CookieError, SimpleCookie
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urljoin, urlsplit

from mainstay.ops.prove.history import Operation, Outcome
from mainstay.ops.prove.loading.client import Client, UnexpectedAnswer
from mainstay.ops.prove.loading.framing import Answer
from mainstay.ops.prove.loading.names import normalise
from mainstay.ops.prove.loading.outcome import said

GOOD = range(200, 400)
MOST_REDIRECTS = 10
KEEPS_METHOD = (307, 308)
REDIRECTS = (301, 302, 303, *KEEPS_METHOD)


class CutShort(Exception):
    """The step this request belongs to is over."""


class Headers(dict[str, str]):
    """Read by a name in any case; kept in lower case."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


class Response:
    """What *requests* would give, and with ``catch_response=True`` a say in whether it was good."""

    def __init__(
        self, answer: Answer, operation: Operation, url: str, record: Callable[[Operation], None]
    ) -> None:
        self.status_code = answer.status
        self.content = answer.body
        self.text = answer.text
        self.headers = Headers(answer.headers)
        self.url = url
        self.elapsed = timedelta(seconds=operation.ended - operation.began)
        self.error = answer.error or None
        self._answer = answer
        self._operation = operation
        self._record = record
        self._recorded = False

    @property
    def ok(self) -> bool:
        return self.status_code in GOOD

    def json(self) -> Any:
        if not self.ok:
            self.raise_for_status()
        return json_.loads(self.content)

    def raise_for_status(self) -> None:
        """Ends the task quietly: the operation tells what happened."""
        if not self.ok:
            raise UnexpectedAnswer(f"{self._operation.name}: {said(self._answer)}")

    def success(self) -> None:
        """Whatever the status, this was right."""
        self._operation.outcome, self._operation.error = Outcome.OK, ""

    def failure(self, why: object) -> None:
        """Whatever the status, this was wrong; a write may have had its effect all the same."""
        if self._operation.outcome is Outcome.OK:
            is_read = self._operation.kind == "get"
            self._operation.outcome = Outcome.FAIL if is_read else Outcome.UNKNOWN
        self._operation.error = str(why)

    def record(self) -> None:
        """Into the history, once."""
        if not self._recorded:
            self._recorded = True
            self._record(self._operation)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self._operation.outcome is Outcome.OK:
            self.failure(f"{type(error).__name__}: {error}")
        self.record()


class Session:
    """Cookies, headers and redirects as a browser keeps them; one per user."""

    def __init__(self, base: str, host: str | None) -> None:
        self.base_url = base
        self.headers: dict[str, str] = {}
        self.cookies: dict[str, str] = {}
        self.auth: tuple[str, str] | None = None
        self._own = {urlsplit(each).netloc for each in (base, host or base)}
        self._client: Client | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open: list[Response] = []

    def lend(self, client: Client, loop: asyncio.AbstractEventLoop) -> None:
        """Ask with this client from now on; called before each turn of the user."""
        self._client, self._loop = client, loop

    def settle(self) -> None:
        """The turn is over: what was to be judged with ``with`` and was not is recorded as it came."""
        while self._open:
            self._open.pop().record()

    def take_away(self) -> None:
        """The step was cut: the next request ends it."""
        self._client = None

    def get(self, url: str, **how: Any) -> Response:
        return self.request("GET", url, **how)

    def options(self, url: str, **how: Any) -> Response:
        return self.request("OPTIONS", url, **how)

    def head(self, url: str, **how: Any) -> Response:
        return self.request("HEAD", url, **{"allow_redirects": False, **how})

    def post(self, url: str, data: Any = None, json: Any = None, **how: Any) -> Response:
        return self.request("POST", url, data=data, json=json, **how)

    def put(self, url: str, data: Any = None, **how: Any) -> Response:
        return self.request("PUT", url, data=data, **how)

    def patch(self, url: str, data: Any = None, **how: Any) -> Response:
        return self.request("PATCH", url, data=data, **how)

    def delete(self, url: str, **how: Any) -> Response:
        return self.request("DELETE", url, **how)

    def request(
        self,
        method: str,
        url: str,
        name: str | None = None,
        catch_response: bool = False,
        *,
        params: Any = None,
        data: Any = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: Any = None,
        allow_redirects: bool = True,
        context: Any = None,
        verify: Any = None,
        stream: Any = None,
    ) -> Response:
        """As ``requests.Session.request``; ``context``, ``verify`` and ``stream`` mean nothing here."""
        method = method.upper()
        path = self._path(url)
        if params:
            path += ("&" if "?" in path else "?") + (
                params if isinstance(params, str) else urlencode(params, True)
            )
        body, kind = encoded(data, json)
        sent = {**self.headers, **kind, **self._identity(auth or self.auth, cookies), **(headers or {})}
        label = f"{method} {name or normalise(path)}"
        response = self._ask(method, path, body, sent, label, seconds(timeout))
        for _ in range(MOST_REDIRECTS):
            location = response.headers.get("location")
            if not (allow_redirects and location and response.status_code in REDIRECTS):
                break
            response.record()
            path = self._path(urljoin(response.url, location))
            if response.status_code not in KEEPS_METHOD and method != "HEAD":
                method, body = "GET", b""
            sent |= self._identity(None, cookies)
            response = self._ask(method, path, body, sent, label, seconds(timeout))
        if catch_response:
            self._open.append(response)
        else:
            response.record()
        return response

    def _ask(
        self, method: str, path: str, body: bytes, headers: dict[str, str], name: str, limit: float | None
    ) -> Response:
        client, loop = self._client, self._loop
        if client is None or loop is None or loop.is_closed():
            raise CutShort
        question = client.question(
            method, path, body=body, headers=headers, expect=GOOD, name=name, limit=limit
        )
        operation, answer = asyncio.run_coroutine_threadsafe(client.perform(question), loop).result()
        self._keep_cookies(answer)

        def record(made: Operation) -> None:
            loop.call_soon_threadsafe(client.record, made)

        return Response(answer, operation, self.base_url + path, record)

    def _path(self, url: str) -> str:
        """
        The path of an address of the system.

        Raises:
            ValueError: It leads elsewhere; load is never put on another system.
        """
        parts = urlsplit(url)
        if parts.netloc and parts.netloc not in self._own:
            raise ValueError(f"{url} is not of the system under proof, {self.base_url}")
        path = parts.path if parts.path.startswith("/") else f"/{parts.path}"
        return f"{path}?{parts.query}" if parts.query else path

    def _identity(self, auth: tuple[str, str] | None, cookies: Mapping[str, str] | None) -> dict[str, str]:
        found = {}
        if auth is not None:
            found["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
        if sent := {**self.cookies, **(cookies or {})}:
            found["Cookie"] = "; ".join(f"{name}={value}" for name, value in sent.items())
        return found

    def _keep_cookies(self, answer: Answer) -> None:
        for line in filter(None, answer.headers.get("set-cookie", "").split("\n")):
            try:
                given = SimpleCookie(line)
            except CookieError:
                continue
            for name, morsel in given.items():
                if morsel["max-age"] == "0" or not morsel.value:
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value


def encoded(data: Any, json: Any) -> tuple[bytes, dict[str, str]]:
    """Body and content type, as *requests* makes them."""
    if json is not None:
        return json_.dumps(json).encode(), {"Content-Type": "application/json"}
    if data is None:
        return b"", {}
    if isinstance(data, bytes):
        return data, {}
    if isinstance(data, str):
        return data.encode(), {}
    return urlencode(data, True).encode(), {"Content-Type": "application/x-www-form-urlencoded"}


def seconds(timeout: Any) -> float | None:
    """The limit for the answer, of a number or of *requests*' pair of two."""
    last = timeout[-1] if isinstance(timeout, tuple) else timeout
    return None if last is None else float(last)
