"""
How more of this package is installed, in the way in which it was installed itself.

Hints name the package as an index would have it. Who works from a checkout, an archive or a repository is told
that place instead, because an index may not have the package, or has another one of it.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
import re
import shlex
from urllib.parse import unquote, urlsplit

NAME = "django-mainstay"

_FROM_INDEX = re.compile(rf'pip install "{NAME}\[([\w,-]+)\]"')


def as_installed(words: str) -> str:
    """The same words, with ``pip install "django-mainstay[…]"`` as it has to be typed here."""
    return _FROM_INDEX.sub(lambda found: command(found[1], origin()), words)


def command(extras: str, origin: str) -> str:
    """
    The command that adds extras.

    ``origin`` is what installers record of where a distribution came from (``direct_url.json``, PEP 610);
    empty for one from an index.
    """
    try:
        told = json.loads(origin)
        url = told["url"]
        if told.get("dir_info", {}).get("editable"):
            return f"pip install -e {shlex.quote(f'{unquote(urlsplit(url).path)}[{extras}]')}"
        if version := told.get("vcs_info"):
            url = f"{version['vcs']}+{url}@{version['commit_id']}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f'pip install "{NAME}[{extras}]"'
    return f'pip install "{NAME}[{extras}] @ {url}"'


@functools.cache
def origin() -> str:
    """What was recorded of where this package came from; empty when nothing was."""
    try:
        return importlib.metadata.distribution(NAME).read_text("direct_url.json") or ""
    except (importlib.metadata.PackageNotFoundError, OSError):
        return ""
