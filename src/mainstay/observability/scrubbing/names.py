"""What a name says of the value that stands under it."""

from __future__ import annotations

import re
from functools import lru_cache

SHORT = 300
"""Characters. What shorter names and texts become is remembered: paths, user agents and form fields come again."""

WORDS = (
    r"secret|passw(?:or)?d|passphrase|passcode|token|credential|private[_-]?key|api[_-]?key|access[_-]?key"
    r"|signing|encryption[_-]?key|auth(?!or(?!i[sz])|ent)|dsn|cookie|session[_-]?(?:id|key)|csrf|jwt"
    r"|card[_-]?(?:number|no)|security[_-]?code"
)

_SECRET_NAME = re.compile(
    rf"{WORDS}|(?:^|[\W_])(?:pass|pwd|pw|pin|otp|cvv2?|cvc2?|ssn|salt)s?(?:$|[\W_])", re.IGNORECASE
)
_INNOCENT = frozenset({"auth_type", "authority", "token_type", "tokens", "token_count", "authenticated"})
_PART = re.compile(r"<(?:\w+:)?(\w+)>")


def looks_secret(name: str) -> bool:
    """Whether a key, a variable, a header or a form field of this name is likely to hold a secret."""
    return _remembered(name) if len(name) <= SHORT else _says_secret(name)


@lru_cache(maxsize=1024)
def has_secret_part(route: str) -> bool:
    """Whether a part of this route, as ``<token>`` of ``reset/<token>/``, looks secret."""
    return any(looks_secret(name) for name in _PART.findall(route))


def _says_secret(name: str) -> bool:
    return name.lower() not in _INNOCENT and _SECRET_NAME.search(name) is not None


_remembered = lru_cache(maxsize=4096)(_says_secret)
"""Only of short names: clients choose some of them, and 4,096 long ones would fill the memory."""
