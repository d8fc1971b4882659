"""The folders of a node on disk: made, filled with rendered texts, never readable by others."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines.engine import File, Node


def make(*folders: Path) -> None:
    """
    Create folders that only their owner may enter; those that exist stay as they are.

    Raises:
        OperationFailed: The machine refused, in its own words.
    """
    for folder in folders:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise refused(folder, error) from error


def write(node: Node, files: Iterable[File]) -> None:
    """
    Put rendered texts into the node's ``config`` folder, each one whole or not at all.

    Raises:
        OperationFailed: The machine refused (disk full, no permission), in its own words.
    """
    make(node.folder, node.config)
    for file in files:
        replace(node.config / file.name, file.text, file.mode)


def replace(path: Path, text: str, mode: int = 0o600) -> None:
    """
    Replace a file in one step, so that a reader sees the old text or the new one.

    Raises:
        OperationFailed: The machine refused, in its own words.
    """
    draft = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise refused(path, error) from error


def refused(path: Path, error: OSError) -> OperationFailed:
    """What the machine said about a path, as an error for a person."""
    return OperationFailed(
        "engine.cannot-write",
        f"{path} could not be written: {error.strerror or error}",
        hint="free space or change the owner of the folder, then start again",
    )
