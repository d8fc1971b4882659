"""A problem that somebody raises on purpose, and its members."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from mainstay.base import options, problemtypes
from mainstay.base.context import request_id
from mainstay.base.problemtypes import BY_SLUG, BY_STATUS, of_status, phrase, uri

RESERVED = frozenset({"type", "title", "status", "detail", "instance", "request_id"})
DEEPEST = 12
"""Levels of nesting that a member may have; what lies deeper is shown as text."""


class Problem(Exception):
    """
    An answer that says what is wrong: raise it in a view, in what a view calls, or in a middleware.

    ``slug`` is one of the catalogue, a word of your own, or a whole URI; without it the
    status decides. ``detail`` is a sentence for people and is shown to the client, unlike
    the text of any other exception. ``members`` are for programs. ``retry_after`` is in
    seconds and rounded up, because the header takes whole ones.

    Raises:
        ValueError: ``status`` is not that of an error, or no number.
        TypeError: A member has a name that RFC 9457 has given away.
    """

    def __init__(
        self,
        status: int,
        slug: str = "",
        detail: str = "",
        *,
        title: str = "",
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        if not isinstance(status, int) or not 400 <= status <= 599:
            what = "a problem begins with the status of an error, a whole number from 400 to 599"
            raise ValueError(f"{what}, as in Problem(404), not {status!r}")
        if taken := RESERVED & members.keys():
            raise TypeError(f"RFC 9457 gives these members a meaning: {', '.join(sorted(taken))}")
        super().__init__(detail or slug or str(status))
        kind = BY_SLUG.get(slug) if slug else BY_STATUS.get(status)
        self.status = status
        self.slug = slug or of_status(status).slug
        self.title = title or (kind.title if kind else phrase(status))
        self.detail = detail or (kind.detail if kind else "")
        self.members = members
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers.setdefault("Retry-After", str(max(0, math.ceil(retry_after))))

    def as_json(self) -> dict[str, Any]:
        """Every member, in plain JSON types; what JSON does not know is shown as text."""
        body: dict[str, Any] = {"type": uri(self.slug, base()), "title": self.title, "status": self.status}
        if self.detail:
            body["detail"] = str(self.detail)
        if identity := request_id():
            body["request_id"] = identity
        return body | {name: plain(value) for name, value in self.members.items()}

    def body(self) -> bytes:
        return json.dumps(self.as_json()).encode()


def base() -> str:
    """What the slug of a type is put behind: ``MAINSTAY["http"]["problem_base"]``."""
    given = getattr(settings, "MAINSTAY", None) if settings.configured else None
    return str(options.read(given, "http", "problem_base", problemtypes.BASE))


def plain(value: Any, depth: int = DEEPEST) -> Any:
    """
    The value in the types that JSON has. Never raises: an error while telling of an error helps nobody.

    Exact types are kept; anything else becomes text, lazy translations and dates among
    them. A number that JSON lacks (``nan``) is text as well.
    """
    if value is None or type(value) in (bool, int, str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth <= 0:
        return text(value)
    try:
        if isinstance(value, Mapping):
            return {text(name): plain(each, depth - 1) for name, each in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [plain(each, depth - 1) for each in value]
    except Exception:  # a mapping that breaks while it is read
        return text(value)
    return text(value)


def text(value: Any) -> str:
    """``str(value)``; the name of its type when even that fails."""
    try:
        return str(value).encode("utf-8", "replace").decode()
    except Exception:  # its __str__ is what is broken
        return f"<{type(value).__name__}>"
