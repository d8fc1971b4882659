"""
Secrets leave neither in a log line nor in an error report nor in a span.

Four ways of telling one: the *name* that a value stands under (``password``, ``Authorization``),
the *shape* of a text (a URL with a password, a private key, a card number), the *values known* to
this process (what its environment holds under such a name), and the *values of this request* (its
cookies, credentials and secret form fields), wherever they turn up. A secret under an innocent
name, of no known shape, that came from neither cannot be told from any other text.

`names`, `shapes`, `texts` and `requests` are these four; `values` takes what is no text apart. What a
client sends costs time and memory that are bounded and grow no faster than its length.
"""

from __future__ import annotations

from mainstay.observability.scrubbing.names import looks_secret
from mainstay.observability.scrubbing.requests import current_secrets, request_secrets
from mainstay.observability.scrubbing.shapes import MASK
from mainstay.observability.scrubbing.texts import (
    TEXT_LIMIT,
    known_secrets,
    learn_environment,
    remember,
    scrub_path,
    scrub_sql,
    scrub_text,
)
from mainstay.observability.scrubbing.values import LINE, REPORT, Bounds, scrub, scrub_named

__all__ = [
    "LINE",
    "MASK",
    "REPORT",
    "TEXT_LIMIT",
    "Bounds",
    "current_secrets",
    "known_secrets",
    "learn_environment",
    "looks_secret",
    "remember",
    "request_secrets",
    "scrub",
    "scrub_named",
    "scrub_path",
    "scrub_sql",
    "scrub_text",
]
