"""
Secrets never reach the evidence: it is made to be shown to others.

Two ways of telling one: the name that a value stands under, and the shape of the text
(a header, an address with a password). A value that was masked reads `MASK`; nothing
is said of its length.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

MASK = "(masked)"

_WORDS = (
    r"secret|password|passwd|passphrase|token|credential|private|api[_-]?key|access[_-]?key|signing|salt"
    r"|auth(?!or(?!i[sz]))|dsn|cookie|session_?id"
)
_SECRET_NAME = re.compile(rf"{_WORDS}|(?:^|[_-])(?:pass|pwd|pw|key)s?(?:$|[_-])", re.IGNORECASE)

_CHARACTERS = r"[^\s\"'\\,;&<>{}()\[\]]"
_LOUD = r"secret|password|passwd|token|api[_-]?key"
"""Words after which a colon begins a value; after the others it may begin a sentence."""
_REST = r"[\w.-]{0,64}[\"']?\s{0,4}"
"""What may stand between such a word and its sign: the rest of the name, a quote, blanks."""
_VALUE = rf"(?!\d{{1,3}}(?:\.\d+)?(?:\s|$)){_CHARACTERS}+"
_IN_TEXT = (
    # A header as a client or a log writes it, with or without its scheme.
    (
        re.compile(
            r"((?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?)(?:(?:basic|bearer|token|digest)\s+)?"
            rf"{_CHARACTERS}+",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    # The same without its header: what follows must look like a credential, not like the next word.
    (
        re.compile(rf"\b((?i:bearer|basic))\s+(?={_CHARACTERS}*[A-Z0-9_=+]){_CHARACTERS}{{8,}}"),
        rf"\1 {MASK}",
    ),
    (re.compile(r"((?:set-)?cookie[\"']?\s*:\s*[\"']?)[^\"'\r\n\\]+", re.IGNORECASE), rf"\1{MASK}"),
    # An address with a password: scheme://user:password@host.
    (re.compile(r"(://[^\s/:@\"'\\]*:)[^\s/@\"'\\]+(?=@)"), rf"\1{MASK}"),
    # A name that says it, with its value; a short number is a count: ``tokens.lost = 0``.
    (
        re.compile(
            rf"((?:{_WORDS}){_REST}=\s*[\"']?){_VALUE}|((?:{_LOUD}){_REST}:\s*[\"']?){_VALUE}",
            re.IGNORECASE,
        ),
        rf"\1\2{MASK}",
    ),
)
_HINTS = (
    "secret", "passw", "passphrase", "token", "credential", "private", "apikey", "api_key", "api-key",
    "accesskey", "access_key", "access-key", "signing", "salt", "auth", "dsn", "cookie", "sessionid",
    "session_id", "bearer", "basic", "@",
)  # fmt: skip
"""One of them is in every text that `mask` changes; most lines of a history have none."""
_NAME_HINTS = (*_HINTS, "pass", "pwd", "pw", "key")
"""The same for what `masked` changes."""

_ASSIGNMENT = re.compile(
    r"""(?<![\w.-])(?P<key>(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
    r"""(?:[ \t]*\.[ \t]*(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')){0,8})"""
    r"""(?P<between>[ \t]*=[ \t]*)"""
    r"""(?P<value>\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|\[[^\[\]]*\])""",
    re.DOTALL,
)


def looks_secret(name: str) -> bool:
    """Whether a key, a variable or a header of this name is likely to hold a secret."""
    return _SECRET_NAME.search(name) is not None


def mask(text: str) -> str:
    """The text without what looks like a credential in it; JSON stays JSON."""
    small = text.lower()
    if not any(hint in small for hint in _HINTS):
        return text
    for pattern, replacement in _IN_TEXT:
        text = pattern.sub(replacement, text)
    return text


def mask_line(line: str) -> str:
    """A line of a log: one that is a JSON object also by the names in it, any other by its shape."""
    small = line.lower()
    if not line.startswith("{") or not any(hint in small for hint in _NAME_HINTS):
        return mask(line)
    try:
        value = json.loads(line)
    except ValueError:
        return mask(line)
    shown = masked(value)
    return line if shown == value else json.dumps(shown) + "\n"


def masked(value: Any) -> Any:
    """The same tree of JSON values, masked by name and by shape."""
    match value:
        case str():
            return mask(value)
        case Mapping():
            return {name: _under(str(name), inner) for name, inner in value.items()}
        case list() | tuple():
            return [masked(inner) for inner in value]
    return value


def _under(name: str, value: Any) -> Any:
    if isinstance(value, str) and value and looks_secret(name):
        return MASK
    return masked(value)


def mask_words(words: list[str]) -> list[str]:
    """A command line whose secret options have no value: ``--token x`` and ``--token=x``."""
    out: list[str] = []
    for word in words:
        after_secret = bool(out) and out[-1].startswith("-") and "=" not in out[-1] and looks_secret(out[-1])
        out.append(MASK if after_secret and not word.startswith("-") else mask(word))
    return out


def mask_topology(text: str) -> str:
    """
    A ``mainstay.toml`` that may be shown: values of keys that look secret are masked, comments stay.

    What the text still shows of a secret afterwards, in a spelling that was not foreseen,
    makes the whole be written as JSON instead: without comments, and without the secret.
    """
    shown = mask(_ASSIGNMENT.sub(_masked_assignment, text))
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return shown
    hidden = {secret for secret in _secrets(tree) if len(secret) > 3}
    if any(secret in shown for secret in hidden):
        return mask(json.dumps(_masked_deeply(tree), indent=2, default=str))
    return shown


def _masked_assignment(match: re.Match[str]) -> str:
    last = re.split(r"\.", match["key"])[-1].strip(" \t\"'")
    if looks_secret(last) and match["value"].strip("\"'"):
        return f'{match["key"]}{match["between"]}"{MASK}"'
    return match[0]


def _secrets(tree: Any, *, secret: bool = False) -> Iterator[str]:
    """Every text that stands under a name that looks secret."""
    match tree:
        case str() if secret:
            yield tree
        case Mapping():
            for name, inner in tree.items():
                yield from _secrets(inner, secret=secret or looks_secret(name))
        case list():
            for inner in tree:
                yield from _secrets(inner, secret=secret)


def _masked_deeply(tree: Any, *, secret: bool = False) -> Any:
    match tree:
        case str() if secret:
            return MASK
        case Mapping():
            return {
                name: _masked_deeply(inner, secret=secret or looks_secret(name))
                for name, inner in tree.items()
            }
        case list():
            return [_masked_deeply(inner, secret=secret) for inner in tree]
    return tree
