"""The page that a person sees in place of a problem's JSON."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape

STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1.5rem}"
    "small{opacity:.6}@media(prefers-color-scheme:dark){body{background:#111;color:#eee}}"
)
POLICY = f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"
"""Content-Security-Policy of the page: nothing but its own style, known by its hash."""

CONTENT_TYPE = "text/html; charset=utf-8"
_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>{style}</style></head>
<body><h1>{title}</h1><p>{detail}</p>{footer}</body>
</html>
"""


def render(title: str, detail: str, request_id: str = "") -> bytes:
    """Everything is escaped; nothing of the request is repeated but its id."""
    footer = f"<p><small>Request {escape(request_id)}</small></p>" if request_id else ""
    page = _PAGE.format(title=escape(title), detail=escape(detail), style=STYLE, footer=footer)
    return page.encode("utf-8", "replace")
