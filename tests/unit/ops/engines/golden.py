"""Rendered texts, compared with what a person has read and approved."""

from __future__ import annotations

import os
from pathlib import Path

from mainstay.ops.engines.engine import Address, File, Node, Program

APPROVED = Path(__file__).parents[3] / "goldens"
APPROVE = "MAINSTAY_APPROVE"
"""Set to write what is rendered now; then read the difference before committing it."""

NODE = Node(
    "engine.1",
    Path("/state/engine.1"),
    Address("127.0.0.1", 4001),
    Address("127.0.0.1", 4002),
)


def program(engine: str, version: str = "1.0", *features: str) -> Program:
    return Program(engine, Path(f"/usr/bin/{engine}"), version, "system", "", frozenset(features))


def assert_approved(folder: str, files: tuple[File, ...]) -> None:
    for file in files:
        path = APPROVED / folder / file.name
        if os.environ.get(APPROVE):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text)
        assert path.exists(), f"nobody has approved {path.name} yet; run again with {APPROVE}=1"
        assert file.text == path.read_text(), (
            f"{path} differs; run again with {APPROVE}=1 and read the difference"
        )
        assert file.mode == 0o600
