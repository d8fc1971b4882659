"""The page that a person sees in place of a problem's JSON."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape

STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1.5rem}"
    "a{color:inherit}small{opacity:.6}@media(prefers-color-scheme:dark){body{background:#111;color:#eee}}"
)
POLICY = f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"
"""Content-Security-Policy of the page: nothing but its own style, known by its hash."""

CONTENT_TYPE = "text/html; charset=utf-8"
_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>{style}</style></head>
<body><h1>{title}</h1><p>{detail}</p>{links}{footer}</body>
</html>
"""


HOME = (("/", "To the start page"),)
"""The way out of a dead end. It says nothing that the address bar does not."""


def render(title: str, detail: str, request_id: str = "", links: Sequence[tuple[str, str]] = HOME) -> bytes:
    """
    Everything is escaped; nothing of the request is repeated but its id.

    Args:
        links: Where one can go from here, each with what it is called.
    """
    listed = "".join(f'<p><a href="{escape(to)}">{escape(name)}</a></p>' for to, name in links)
    footer = f"<p><small>Request {escape(request_id)}</small></p>" if request_id else ""
    page = _PAGE.format(title=escape(title), detail=escape(detail), style=STYLE, links=listed, footer=footer)
    return page.encode("utf-8", "replace")
