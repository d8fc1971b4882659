"""
Whose line it was.

The traceback of a broken settings file is mostly Django's and Mainstay's. The person
who reads it wants one line: their file, their line, the message.
"""

from __future__ import annotations

import traceback
from pathlib import Path

from mainstay.base.errors import OperationFailed

IMPORT_FAILED = 3
"""Exit code of a process whose settings or application do not import."""

_MAINSTAY = Path(__file__).resolve().parent.parent


def import_failed(error: BaseException, root: Path) -> OperationFailed:
    """The failure in one line that begins with the place in the project's own code under ``root``."""
    file, line, source = blame(error, root)
    words = f"{type(error).__name__}: {error}".splitlines()
    place = f"{_relative(file, root)}:{line}: " if file else ""
    details = tuple(each for each in (source, *words[1:]) if each)
    return OperationFailed("serve.import-failed", place + words[0], details=details, exit_code=IMPORT_FAILED)


def blame(error: BaseException, root: Path) -> tuple[str, int, str]:
    """
    File, line and source of the last frame inside ``root``.

    Without one there, the last frame that is neither Mainstay's nor Python's own import
    machinery; without any, nothing.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno or 0, (error.text or "").strip()
    frames = [each for each in traceback.extract_tb(error.__traceback__) if not each.filename.startswith("<")]
    own = [each for each in frames if _is_own(Path(each.filename), root)]
    foreign = [
        each for each in frames if _MAINSTAY not in Path(each.filename).parents and not _is_import(each)
    ]
    if not (own or foreign):
        return "", 0, ""
    frame = (own or foreign)[-1]
    return frame.filename, frame.lineno or 0, frame.line or ""


def _is_own(path: Path, root: Path) -> bool:
    return root in path.parents and "site-packages" not in path.parts and _MAINSTAY not in path.parents


def _is_import(frame: traceback.FrameSummary) -> bool:
    return Path(frame.filename).parent.name == "importlib"


def _relative(filename: str, root: Path) -> str:
    path = Path(filename)
    return str(path.relative_to(root)) if root in path.parents else filename
