"""
Secrets leave neither in a log line nor in an error report nor in a span.

Four ways of telling one: the *name* that a value stands under (``password``, ``Authorization``),
the *shape* of a text (a URL with a password, a private key, a card number), the *values known* to
this process (what its environment holds under such a name), and the *values of this request* (its
cookies, credentials and secret form fields), wherever they turn up. A secret under an innocent
name, of no known shape, that came from neither cannot be told from any other text.

Whatever is given comes back as plain JSON values: bounded in depth, number and length, without
cycles. Nothing here raises because of what it is given, and nothing asks the database: lazy
objects and querysets are named, not evaluated.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

MASK = "(masked)"
TEXT_LIMIT = 8192
"""Characters of one text that are kept."""

MARGIN = 512
"""Characters after the limit that are looked at and thrown away, so that no cut leaves half a secret."""

SHORT = 300
"""Texts up to this length, such as paths and user agents, come again: what they become is remembered."""

SECRET_LEAST = 6
"""Shorter values are not looked for in other texts: they would be found by chance."""

_WORDS = (
    r"secret|passw(?:or)?d|passphrase|passcode|token|credential|private[_-]?key|api[_-]?key|access[_-]?key"
    r"|signing|encryption[_-]?key|auth(?!or(?!i[sz])|ent)|dsn|cookie|session[_-]?(?:id|key)|csrf|jwt"
    r"|card[_-]?(?:number|no)|security[_-]?code"
)
_SECRET_NAME = re.compile(
    rf"{_WORDS}|(?:^|[\W_])(?:pass|pwd|pw|pin|otp|cvv2?|cvc2?|ssn|salt)s?(?:$|[\W_])", re.IGNORECASE
)
_INNOCENT = frozenset({"auth_type", "authority", "token_type", "tokens", "token_count", "authenticated"})

_VALUE = r"[^\s\"'\\,;&<>{}()\[\]]"
_NAMED = rf"(?:{_WORDS}|\b(?:pwd|pass|otp|cvv|cvc|ssn))[\w.-]{{0,40}}\\?[\"']?\s{{0,3}}"
_LOUD = r"(?:secret|passw(?:or)?d|passphrase|token|api[_-]?key|cvv|cvc)[\w.-]{0,40}\\?[\"']?\s{0,3}"
"""Words after which a colon begins a value; after the others it may begin a sentence."""

_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?"
            r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)"
        ),
        MASK,
    ),
    # Headers, as a client or a log writes them.
    (
        re.compile(
            r"((?:proxy-?_?)?authorization\\?[\"']?\s{0,3}[:=]\s{0,3}(?:b?\\?[\"'])?)"
            rf"(?:(?:basic|bearer|token|digest|negotiate|apikey)\s+)?{_VALUE}+",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    (
        re.compile(
            rf"\b((?i:bearer|basic|digest|negotiate))\s+(?={_VALUE}*[A-Z0-9_=+.-]){_VALUE}{{8,}}",
        ),
        rf"\1 {MASK}",
    ),
    (re.compile(r"((?:set-)?cookie\\?[\"']?\s?:\s?\\?[\"']?)[^\"'\r\n\\]+", re.IGNORECASE), rf"\1{MASK}"),
    # scheme://user:password@host keeps its user; scheme://token@host keeps nothing.
    (re.compile(r"(://[^\s/:@\"'\\]{0,256}:)[^\s/@\"'\\]{1,512}(?=@)"), rf"\1{MASK}"),
    (re.compile(r"(://)[^\s/:@\"'\\()]{1,512}(?=@)"), rf"\1{MASK}"),
    # A name that says it, with its value: quoted, then bare; a short number is a count.
    (
        re.compile(
            rf"({_NAMED}(?:=>|[:=])\s{{0,3}}[bru]{{0,2}}(\\?[\"']))(?:(?!\2)[^\n]){{1,4000}}",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    (
        re.compile(
            rf"({_NAMED}(?:=>|=)\s{{0,3}}|{_LOUD}:\s{{0,3}})(?!\d{{1,3}}(?:\.\d+)?(?:\s|$)){_VALUE}+",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    # What PostgreSQL says of the row that it refused.
    (
        re.compile(r"(Key \([^)\n]{1,300}\)=\()[^\n]{1,4000}?(\) (?:already|is not|is still|conflicts))"),
        rf"\1{MASK}\2",
    ),
    (re.compile(r"(Failing row contains \()[^\n]{1,8000}"), rf"\1{MASK})"),
    # Tokens that carry their issuer's mark, and JSON web tokens.
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?"), MASK),
    (
        re.compile(
            r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}"
            r"|\bxox[abeoprs]-[\w-]{8,}|\b[srp]k_(?:live|test)_\w{8,}|\bsk-[\w-]{20,}|\bAIza[\w-]{30,}"
            r"|\bSG\.[\w-]{16,}\.[\w-]{16,}|\bnpm_\w{30,}|\bpypi-[\w-]{40,}|\bwhsec_\w{16,}"
        ),
        MASK,
    ),
)
_HINTS = (
    "secret", "passw", "passphrase", "passcode", "token", "credential", "private", "apikey", "api_key",
    "api-key", "accesskey", "access_key", "access-key", "encryption", "signing", "auth", "dsn", "cookie",
    "session", "csrf", "jwt", "card", "security", "bearer", "basic", "digest", "negotiate", "@", "pwd",
    "pass", "otp", "cvv", "cvc", "ssn", "key (", "failing row", "eyj", "github_pat", "akia", "asia", "gh", "glpat",
    "xox", "k_live", "k_test", "sk-", "aiza", "sg.", "npm_", "pypi-", "whsec",
)  # fmt: skip
"""One of them is in every text that a shape changes; most texts have none."""

_CARD = re.compile(r"(?<![\w.])[2-6]\d{3}(?:[ -]?\d){9,15}(?![\w.]\d|\d)")


_SQL_LITERAL = re.compile(
    r"'(?:[^'\\]|''|\\.)*(?:'|\Z)|\$(\w*)\$.*?(?:\$\1\$|\Z)|(?<![\w$])\d+(?:\.\d+)?\b", re.DOTALL
)
_PART = re.compile(r"<(?:\w+:)?(\w+)>")
SQL_LIMIT = 2000
PATH_LIMIT = 1024


@lru_cache(maxsize=4096)
def looks_secret(name: str) -> bool:
    """Whether a key, a variable, a header or a form field of this name is likely to hold a secret."""
    return name.lower() not in _INNOCENT and _SECRET_NAME.search(name) is not None


def scrub_text(value: str, limit: int = TEXT_LIMIT, secrets: Iterable[str] = ()) -> str:
    """The text without what looks like a secret, and without the values in ``secrets``."""
    length = len(value)
    if length <= SHORT and not secrets:
        return _short(value)
    shown = _shaped(_without(value[: limit + MARGIN], secrets))
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
    return f"/{route}" if route and _has_secret_part(route) else scrub_text(path, PATH_LIMIT)


def scrub(value: Any, secrets: Iterable[str] = (), bounds: Bounds | None = None) -> Any:
    """The value as plain JSON values, without secrets, cycles and excess. Never raises."""
    return _Cleaner(bounds or LINE, tuple(secrets)).clean(value, 0)


def scrub_named(name: str, value: Any, secrets: Iterable[str] = (), bounds: Bounds | None = None) -> Any:
    """The same for a value that stands under a name."""
    return _Cleaner(bounds or LINE, tuple(secrets)).named(name, value, 0)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of a value is kept."""

    depth: int
    items: int
    nodes: int
    text: int


LINE = Bounds(depth=6, items=50, nodes=400, text=TEXT_LIMIT)
"""For what is added to a log line."""

REPORT = Bounds(depth=16, items=250, nodes=20_000, text=TEXT_LIMIT)
"""For an error report, whose frames lie seven levels deep."""


@dataclass(slots=True)
class _Cleaner:
    bounds: Bounds
    secrets: tuple[str, ...]
    nodes: int = 0
    path: set[int] = field(default_factory=set)

    def clean(self, value: Any, depth: int) -> Any:
        # The type is asked, not `isinstance`: a lazy object would have to be evaluated to answer.
        kind = type(value)
        if value is None or kind is bool:
            return value
        if issubclass(kind, str):
            return self.text(str.__getitem__(value, slice(None)))
        if issubclass(kind, int):
            return _whole(value)
        if issubclass(kind, float):
            return _fraction(value)
        self.nodes += 1
        if self.nodes > self.bounds.nodes:
            return "(too much)"
        if issubclass(kind, bytes | bytearray | memoryview):
            return self.text(_decoded(value, self.bounds.text))
        if issubclass(kind, Mapping | list | tuple | AbstractSet):
            return self._contents(value, kind, depth)
        return self.text(_said(value))

    def named(self, name: str, value: Any, depth: int) -> Any:
        if value is None or value == "" or type(value) is bool:
            return value
        if looks_secret(name) and not (type(value) in (int, float) and abs(value) < 1000):
            return MASK
        return self.clean(value, depth)

    def text(self, value: str) -> str:
        return scrub_text(value, self.bounds.text, self.secrets)

    def _contents(self, value: Any, kind: type, depth: int) -> Any:
        if id(value) in self.path:
            return "(cycle)"
        if depth >= self.bounds.depth:
            return "(too deep)"
        self.path.add(id(value))
        try:
            if issubclass(kind, Mapping):
                return self._mapping(value, kind, depth)
            return self._sequence(value, depth)
        except Exception as error:  # it changed while it was read, or its own methods fail
            return f"(unreadable: {type(error).__name__})"
        finally:
            self.path.discard(id(value))

    def _mapping(self, value: Any, kind: type, depth: int) -> dict[str, Any]:
        pairs = dict.items(value) if issubclass(kind, dict) else value.items()
        out: dict[str, Any] = {}
        for number, (key, inner) in enumerate(list(pairs)):
            if number == self.bounds.items:
                out["…"] = f"{len(value) - number} more"
                break
            name = key if type(key) is str else _said(key)
            out[self.text(name[:SHORT])] = self.named(name, inner, depth + 1)
        return out

    def _sequence(self, value: Any, depth: int) -> list[Any]:
        every = list(value)
        out = [self._member(each, depth + 1) for each in every[: self.bounds.items]]
        return [*out, f"{len(every) - len(out)} more"] if len(every) > len(out) else out

    def _member(self, value: Any, depth: int) -> Any:
        """A pair such as ``("Authorization", "…")`` in a list of headers has a name, too."""
        if type(value) in (tuple, list) and len(value) == 2 and type(value[0]) in (str, bytes):
            name = value[0] if type(value[0]) is str else _decoded(value[0], SHORT)
            if looks_secret(name):
                return [self.text(name), self.named(name, value[1], depth)]
        return self.clean(value, depth)


def known_secrets(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The values that the environment holds under secret names, and the passwords in its URLs; longest first."""
    found: set[str] = set()
    for name, value in (os.environ if environ is None else environ).items():
        if looks_secret(name):
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


def request_secrets(request: object) -> tuple[str, ...]:
    """
    What came with this request and must not turn up elsewhere: credentials, cookies, secret fields.

    Only what has been read already is looked at: the body is never read for this. Found once
    per request and kept with it.
    """
    kept = getattr(request, "__dict__", None)
    if kept is None:
        return ()
    if (found := kept.get(_KEPT)) is None:
        try:
            found = _found_in(kept)
        except Exception:  # a request of a shape that is not known here has no known secrets
            found = ()
        has_body = (kept.get("META") or {}).get("REQUEST_METHOD") not in ("GET", "HEAD")
        if kept.get("resolver_match") and (not has_body or "_body" in kept or "_post" in kept):
            kept[_KEPT] = found
    return tuple(found)


_KEPT = "_mainstay_secrets"
_BODY_LIMIT = 65536
_known: tuple[str, ...] = ()


def _found_in(kept: Mapping[str, Any]) -> tuple[str, ...]:
    found: set[str] = set()
    meta = kept.get("META") or {}
    for name, value in meta.items():
        if name.startswith("HTTP_") and isinstance(value, str) and looks_secret(name):
            found.update((value, value.rpartition(" ")[2]))
    found.update(
        value.strip() for _, _, value in (p.partition("=") for p in meta.get("HTTP_COOKIE", "").split(";"))
    )
    pairs = parse_qsl(meta.get("QUERY_STRING", ""), max_num_fields=200) if meta.get("QUERY_STRING") else []
    post = kept.get("_post")
    if post is not None and issubclass(type(post), dict):
        pairs += [(name, text) for name, texts in dict.items(post) for text in texts]
    found.update(value for name, value in pairs if looks_secret(name))
    found.update(_in_json(kept.get("_body"), meta.get("CONTENT_TYPE", "")))
    parts = getattr(kept.get("resolver_match"), "kwargs", None) or {}
    found.update(str(value) for name, value in parts.items() if looks_secret(name))
    long = (each for each in found if type(each) is str and len(each) >= SECRET_LEAST)
    return tuple(sorted(long, key=len, reverse=True))


def _in_json(body: Any, content_type: str) -> set[str]:
    if not isinstance(body, bytes) or len(body) > _BODY_LIMIT or "json" not in content_type:
        return set()
    found: set[str] = set()
    waiting: list[tuple[bool, Any]] = [(False, json.loads(body))]
    while waiting:
        secret, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(secret or looks_secret(name), inner) for name, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(secret, inner) for inner in value]
        elif secret and isinstance(value, str):
            found.add(value)
    return found


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


@lru_cache(maxsize=1024)
def _has_secret_part(route: str) -> bool:
    return any(looks_secret(name) for name in _PART.findall(route))


@lru_cache(maxsize=4096)
def _short(value: str) -> str:
    return _shaped(_without(value, ()))


def _without(value: str, secrets: Iterable[str]) -> str:
    for secret in _known:
        if secret in value:
            value = value.replace(secret, MASK)
    for secret in secrets:
        if secret in value:
            value = value.replace(secret, MASK)
    return value


def _shaped(value: str) -> str:
    small = value.lower()
    if any(hint in small for hint in _HINTS):
        for pattern, replacement in _SHAPES:
            value = pattern.sub(replacement, value)
    return _CARD.sub(_masked_card, value)


def _masked_card(match: re.Match[str]) -> str:
    digits = [int(character) for character in match[0] if character.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return MASK if (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 else match[0]  # Luhn, ISO/IEC 7812-1


def _whole(value: int) -> int | str:
    plain = int.__index__(value)
    return plain if -(1 << 63) <= plain < 1 << 64 else f"(a number of {plain.bit_length()} bits)"


def _fraction(value: float) -> float | str:
    plain = float.__float__(value)
    return (
        plain if abs(plain) < float("inf") else str(plain)
    )  # JSON has no name for the others; NaN fails, too


def _decoded(value: Any, limit: int) -> str:
    return bytes(value[: limit + MARGIN]).decode("utf-8", "backslashreplace")


def _model(value: object, meta: Any) -> str:
    """A row by its key: its own text may ask the database for other rows."""
    key = MASK if looks_secret(meta.pk.name) else vars(value).get(meta.pk.attname)
    return f"{meta.label}({key})"


def _said(value: object) -> str:
    """The object in words of its own, if it has any that cost nothing."""
    kind = type(value)
    try:
        names = {base.__name__ for base in kind.__mro__}
        if "QuerySet" in names or "BaseManager" in names:
            return f"({kind.__name__})"
        if "Model" in names and hasattr(kind, "_meta"):
            return _model(value, kind._meta)
        if "LazyObject" in names:
            wrapped = object.__getattribute__(value, "__dict__").get("_wrapped")
            if type(wrapped) is object:
                return "(not evaluated)"
        return str(value)[: TEXT_LIMIT + MARGIN]
    except Exception as error:
        return f"({kind.__name__}: its text fails with {type(error).__name__})"
