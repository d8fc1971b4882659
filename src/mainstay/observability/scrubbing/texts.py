"""
Texts as they may be shown: without secrets by shape or known value, and cut to a length.

Known are the secrets of this process's environment, what `remember` was told, and what the caller says
of the request.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from mainstay.observability.scrubbing.names import SHORT, has_secret_part, looks_secret
from mainstay.observability.scrubbing.shapes import MASK, mask_shapes

TEXT_LIMIT = 8192
"""Characters of one text that are kept."""

MARGIN = 512
"""Characters after the limit that are looked at and thrown away, so that no cut leaves half a secret."""

SECRET_LEAST = 6
"""Characters. Shorter values are not looked for in other texts: they would be found by chance."""

SQL_LIMIT = 2000
PATH_LIMIT = 1024
"""Characters of a path that are shown. A client may send 64 Ki of them with every request."""

FOLDERS = frozenset({"PWD", "OLDPWD"})
"""Variables of the shell whose names only sound like a password's."""

_SQL_LITERAL = re.compile(
    r"'(?:[^'\\]|''|\\.)*(?:'|\Z)|\$(\w*)\$.*?(?:\$\1\$|\Z)|(?<![\w$])\d+(?:\.\d+)?\b", re.DOTALL
)

_known: tuple[str, ...] = ()


def scrub_text(value: str, limit: int = TEXT_LIMIT, secrets: Iterable[str] = ()) -> str:
    """The text without what looks like a secret, and without the values in ``secrets``."""
    length = len(value)
    if length <= SHORT and not secrets:
        return _short(value)
    shown = mask_shapes(_without(value[: limit + MARGIN], secrets))
    if length > limit:
        return f"{shown[: max(limit - MARGIN, 0) if len(shown) < limit else limit]}… ({length} characters)"
    return shown


def scrub_sql(statement: str) -> str:
    """
    A statement without the values in it: literals become ``?``, placeholders stay.

    Django's own log of statements puts the parameters into the text, and raw SQL may have
    them there from the start. What stands in double quotes is a name, and stays.
    """
    shown = _SQL_LITERAL.sub("?", statement[: SQL_LIMIT + MARGIN])
    return shown if len(shown) <= SQL_LIMIT else f"{shown[:SQL_LIMIT]}…"


def scrub_path(path: str, route: str) -> str:
    """
    A path that may be shown: the route itself where that has a secret in it.

    ``/reset/MQ/c8f…/`` of ``reset/<uidb64>/<token>/`` is shown as ``/reset/<uidb64>/<token>/``.
    """
    return f"/{route}" if route and has_secret_part(route) else scrub_text(path, PATH_LIMIT)


def known_secrets(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The values that the environment holds under secret names, and the passwords in its URLs; longest first."""
    found: set[str] = set()
    for name, value in (os.environ if environ is None else environ).items():
        if looks_secret(name) and name not in FOLDERS:
            found.add(value)
        if "://" in value:
            found.update(_passwords(value))
    return tuple(sorted((each for each in found if len(each) >= SECRET_LEAST), key=len, reverse=True))


def remember(*values: str) -> None:
    """Mask these values wherever they turn up from now on, beside those of the environment."""
    global _known
    fresh = {value for value in values if len(value) >= SECRET_LEAST}
    _known = tuple(sorted({*_known, *fresh}, key=len, reverse=True))
    _short.cache_clear()


def learn_environment() -> None:
    """Take the environment's secrets into account; called when observability is set up."""
    remember(*known_secrets())


def _passwords(value: str) -> list[str]:
    found = []
    for part in value.split(","):
        try:
            password = urlsplit(part.strip()).password
        except ValueError:
            continue
        if password:
            found += [password, unquote(password)]
    return found


@lru_cache(
    maxsize=1024
)  # names of browsers and paths that come again; paths with an id in them only pass through
def _short(value: str) -> str:
    return mask_shapes(_without(value, ()))


def _without(value: str, secrets: Iterable[str]) -> str:
    for secret in _known:
        if secret in value:
            value = value.replace(secret, MASK)
    for secret in secrets:
        if secret in value:
            value = value.replace(secret, MASK)
    return value
