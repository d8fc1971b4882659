"""What a journey asks, as it is sent: the settings of a request, its headers and its body."""

from __future__ import annotations

import json
import uuid
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict
from urllib.parse import urlencode

from mainstay.base import wire
from mainstay.ops.prove.history import Kind
from mainstay.ops.prove.loading.names import normalise

REQUEST_ID = wire.REQUEST_ID.title()
"""As `Question.headers` spells it; both edges keep a name that a caller gives its request."""

READS = frozenset({"GET", "HEAD", "OPTIONS"})
EXPECTED_OF_READS = (200,)
EXPECTED_OF_WRITES = (200, 201, 202, 204)

BODIES = ("json", "form", "body")
"""The settings of a request that are its content."""

RETRY_FOR = 30.0
"""Seconds for which a caller that repeats does so, unless it says how long."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request as it is sent, once or several times."""

    method: str
    path: str
    name: str
    body: bytes
    headers: Mapping[str, str]
    expect: Container[int]
    limit: float | None = None

    @property
    def key(self) -> str:
        return self.headers.get(wire.IDEMPOTENCY_KEY, "")

    @property
    def kind(self) -> Kind:
        if self.method in READS:
            return "get"
        return "keyed" if self.key else "write"


class How(TypedDict, total=False):
    """How a request is made; everything may be left out."""

    json: Any
    """The body, as JSON."""
    form: Mapping[str, object] | None
    """The body, as a browser sends a form without files; a list sends its field several times."""
    body: bytes
    headers: Mapping[str, str]
    key: bool | str | None
    """An Idempotency-Key; ``True`` makes one."""
    expect: Container[int]
    """The statuses that are ok, as a tuple or a range; else 200 for reads and 200, 201, 202, 204 for writes."""
    retry: bool | float
    """
    Repeat with growing, random waits as long as no answer came, or one that says to try again (408, 409
    with a key, 425, 429, 5xx): for `RETRY_FOR`, or that many seconds. Each attempt is an operation.
    """
    name: str
    """What the operation is called, where the path says too much or too little."""
    limit: float | None
    """Seconds to wait for the answer."""


def compose(method: str, path: str, how: How, own: Mapping[str, str]) -> Question:
    """
    The request as it would be sent by a caller that has headers of its ``own``.

    Raises:
        TypeError: There is no such setting, or there is more than one body: what is not sent would
            say nothing and change nothing.
    """
    if unknown := how.keys() - How.__annotations__.keys():
        known = ", ".join(How.__annotations__)
        raise TypeError(f"a request has no setting {', '.join(sorted(unknown))}; there are {known}")
    method = method.upper()
    body, kind = _encoded(how)
    headers = {**own, **kind}
    if key := how.get("key"):
        headers[wire.IDEMPOTENCY_KEY] = uuid.uuid4().hex if key is True else key
    headers.update(how.get("headers", {}))
    name = how.get("name") or f"{method} {normalise(path)}"
    if not isinstance(name, str):
        raise TypeError(f"an operation is called by a text, not {name!r}")
    expect = how.get("expect", EXPECTED_OF_READS if method in READS else EXPECTED_OF_WRITES)
    titled = {each.title(): value for each, value in headers.items()}
    return Question(method, path, name, body, titled, expect, how.get("limit"))


def _encoded(how: How) -> tuple[bytes, dict[str, str]]:
    """
    The body, and the header that says what it is.

    Raises:
        TypeError: More than one is given.
    """
    given = [name for name, content in how.items() if name in BODIES and content is not None]
    if len(given) > 1:
        raise TypeError(f"a request has one body, not {' and '.join(given)}")
    if (form := how.get("form")) is not None:
        return urlencode(form, doseq=True).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    if (content := how.get("json")) is not None:
        return json.dumps(content).encode(), {"Content-Type": "application/json"}
    return how.get("body", b""), {}
