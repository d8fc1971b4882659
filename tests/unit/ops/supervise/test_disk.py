"""A disk that fills up is told of once for each change, in words that depend on what is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from mainstay.ops.supervise import disk as module
from mainstay.ops.supervise.disk import LEAST, Disk, Room, Space, judge
from mainstay.ops.supervise.journal import Journal

SIZE = 100 * 2**30


@pytest.mark.parametrize(
    ("free", "before", "room"),
    [
        (SIZE // 2, Room.OK, Room.OK),
        (SIZE // 10, Room.OK, Room.OK),
        (SIZE // 10 - 1, Room.OK, Room.NEARLY_FULL),
        (SIZE // 10 + 1, Room.NEARLY_FULL, Room.NEARLY_FULL),
        (SIZE // 8, Room.NEARLY_FULL, Room.OK),
        (LEAST, Room.OK, Room.NEARLY_FULL),
        (LEAST - 1, Room.OK, Room.FULL),
        (LEAST + 1, Room.FULL, Room.FULL),
        (LEAST * 2, Room.FULL, Room.NEARLY_FULL),
        (SIZE, Room.FULL, Room.OK),
    ],
)
def test_what_is_free_is_judged_and_a_border_is_not_crossed_back_at_once(
    free: int, before: Room, room: Room
) -> None:
    assert judge(Space(free, SIZE), before) is room


def test_a_segment_of_the_databases_log_that_was_given_back_is_no_room(tmp_path: Path) -> None:
    assert judge(Space(16 * 2**20, SIZE), Room.OK) is Room.FULL


def test_each_change_is_one_event(tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    left = iter([SIZE, SIZE // 20, SIZE // 20, 0, 0, SIZE])
    monkeypatch.setattr(module, "find_space", lambda _: Space(next(left), SIZE))
    disk = Disk(tmp_path, "shop", journal)
    for _ in range(6):
        disk.look()
    assert [entry.what for entry in journal.latest] == ["disk.nearly-full", "disk.full", "disk.ok"]
    assert journal.latest[1].why == f"next to nothing is free under {tmp_path}: writes fail"
    assert journal.latest[1].facts == {"free": 0, "size": SIZE}
    assert disk.as_json() == {"state": "ok", "free": SIZE, "size": SIZE, "path": str(tmp_path)}


def test_of_a_folder_that_is_gone_nothing_is_said(tmp_path: Path, journal: Journal) -> None:
    disk = Disk(tmp_path / "gone", "shop", journal)
    disk.look()
    assert disk.room is Room.OK
    assert not journal.latest


def test_a_disk_that_is_there_is_asked(tmp_path: Path) -> None:
    space = module.find_space(tmp_path)
    assert space is not None
    assert 0 <= space.free <= space.size
