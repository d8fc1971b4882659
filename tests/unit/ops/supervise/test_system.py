"""What a whole system says of itself, without starting any."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from mainstay.ops.supervise.disk import Room
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.state import StateFolder
from mainstay.ops.supervise.supervised import State
from mainstay.ops.supervise.system import System
from mainstay.ops.topology.values import Topology


@pytest.mark.parametrize(("room", "ready"), [(Room.OK, True), (Room.NEARLY_FULL, True), (Room.FULL, False)])
def test_a_system_whose_disk_takes_no_writes_is_not_ready(
    topology: Topology, journal: Journal, tmp_path: Path, room: Room, ready: bool
) -> None:
    system = System(topology, StateFolder(tmp_path / ".mainstay", "shop"), journal)
    system.phase = "running"
    system.engines["edge.1"] = SimpleNamespace(state=State.READY)  # type: ignore[assignment]
    system.disk.room = room
    assert system.ready is ready
