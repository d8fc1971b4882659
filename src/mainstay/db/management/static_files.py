"""Collect static files, but only when one of them has changed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

MARKER = ".collected"
"""Beside the files; holds the fingerprint of what they were made from."""


def collect(root: str) -> str:
    """Collect into ``root`` if needed and say what was done."""
    marker = Path(root) / MARKER
    wanted = fingerprint()
    if marker.is_file() and marker.read_text() == wanted:
        return "unchanged"
    call_command("collectstatic", interactive=False, verbosity=0)
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.write_text(wanted)
    return f"collected into {root}"


def fingerprint() -> str:
    """A digest of every source file's place, size and time, and of how they are stored."""
    digest = hashlib.sha256(repr(settings.STORAGES.get("staticfiles")).encode())
    for finder in get_finders():
        for path, storage in finder.list(None):
            digest.update(repr((path, *_stamp(storage, path))).encode())
    return digest.hexdigest()


def _stamp(storage: Any, path: str) -> tuple[int, int]:
    status = Path(storage.path(path)).stat()
    return status.st_size, status.st_mtime_ns
