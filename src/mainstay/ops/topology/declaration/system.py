"""What ``[system]`` may say: the name of the whole."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.base.schema import key
from mainstay.ops.topology.declaration.spelling import NAME


@dataclass(frozen=True, slots=True)
class SystemTable:
    name: str | None = key(
        NAME,
        "The name of the whole system, as status, logs and metrics show it. The state folder remembers it: "
        "under another name its data is refused.",
        default=None,
        because="the name of the folder that holds the file",
        examples=["boxoffice"],
    )
