"""Load a system, break it on purpose, and show that what must never happen did not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mainstay.ops.prove.loading.client import Client, Reply, UnexpectedAnswer
    from mainstay.ops.prove.loading.journey import Journey

__all__ = ["Client", "Journey", "Reply", "UnexpectedAnswer"]


def __getattr__(name: str) -> Any:
    """What journeys import, brought in when it is asked for: the command line starts faster without it."""
    if name == "Journey":
        from mainstay.ops.prove.loading import journey

        return journey.Journey
    if name in __all__:
        from mainstay.ops.prove.loading import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
