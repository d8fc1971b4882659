"""
Texts that are a secret by their shape: a URL with a password, a private key, a card number.

A client chooses many of these texts, so every pattern reads them in linear time: a piece that may be
long is either bounded, or ends in a way that cannot fail, or begins only where no other of its
kind has looked already.
"""

from __future__ import annotations

import re

from mainstay.observability.scrubbing.names import WORDS

MASK = "(masked)"

_VALUE = r"[^\s\"'\\,;&<>{}()\[\]]"
_NAMED = rf"(?:{WORDS}|\b(?:pwd|pass|otp|cvv|cvc|ssn))[\w.-]{{0,40}}\\?[\"']?\s{{0,3}}"
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
    # What PostgreSQL says of the row that it refused; where its own words do not follow, the rest of the line.
    (
        re.compile(
            r"(Key \([^)\n]{1,300}\)=\()[^\n]*?(?:(\) (?:already|is not|is still|conflicts))|$)", re.MULTILINE
        ),
        rf"\1{MASK}\2",
    ),
    (re.compile(r"(Failing row contains \()[^\n]{1,8000}"), rf"\1{MASK})"),
    # JSON web tokens. Looked for once in each run of their letters, and only where the second part follows it.
    (
        re.compile(r"(?<![\w-])(?=[\w-]+\.[\w-]{4})([\w-]*?)\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?"),
        rf"\1{MASK}",
    ),
    # Tokens that carry their issuer's mark.
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


def mask_shapes(value: str) -> str:
    """The text without what a pattern knows."""
    small = value.lower()
    if any(hint in small for hint in _HINTS):
        for pattern, replacement in _SHAPES:
            value = pattern.sub(replacement, value)
    return _CARD.sub(_masked_card, value)


def _masked_card(match: re.Match[str]) -> str:
    digits = [int(character) for character in match[0] if character.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return MASK if (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 else match[0]  # Luhn, ISO/IEC 7812-1
