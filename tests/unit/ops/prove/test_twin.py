"""What is said of a system that is not ready."""

from __future__ import annotations

from typing import Any

import pytest

from mainstay.ops.prove.twin import unready

READY = {"name": "web.web.1", "state": "ready", "detail": ""}
STARTING = {"name": "web.web.2", "state": "starting", "detail": "no answer"}


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ({"processes": [READY, STARTING], "durability": "degraded"}, "web.web.2: starting no answer"),
        ({"processes": [READY], "durability": "degraded"}, "durability: degraded"),
        ({}, "its supervisor did not answer"),
    ],
)
def test_what_keeps_a_system_from_being_ready_is_named(status: dict[str, Any], told: str) -> None:
    assert unready(status) == (told,)
