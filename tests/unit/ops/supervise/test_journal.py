"""What happened can be read later, and telling of it never stops the work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mainstay.ops.supervise import journal as module
from mainstay.ops.supervise.journal import Entry, Journal


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_entry_is_one_line(journal: Journal, tmp_path: Path) -> None:
    journal.note("process.ended", "catalog.web.1", "exit code 1\nand more", restarts=2, place=Path("/srv"))
    (entry,) = lines(tmp_path / "events.jsonl")
    assert entry.pop("time", "").endswith("Z")  # type: ignore[attr-defined]
    assert entry == {
        "event": "process.ended",
        "subject": "catalog.web.1",
        "why": "exit code 1\nand more",
        "restarts": 2,
        "place": "/srv",
    }


def test_the_file_is_rotated_once_it_is_large(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROTATE_AT", 100)
    for number in range(4):
        journal.note("process.ready", f"catalog.web.{number}", "x" * 80)
    assert [entry["subject"] for entry in lines(tmp_path / "events.jsonl")] == ["catalog.web.3"]
    assert [entry["subject"] for entry in lines(tmp_path / "events.jsonl.1")] == ["catalog.web.2"]


def test_a_disk_that_takes_nothing_does_not_stop_the_work(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "no" / "such" / "folder" / "events.jsonl")
    journal.note("process.ready", "catalog.web.1")
    assert [entry.subject for entry in journal.latest] == ["catalog.web.1"]


def test_only_the_latest_stay_in_memory(journal: Journal) -> None:
    for number in range(module.KEEP + 5):
        journal.note("process.ready", str(number))
    assert len(journal.latest) == module.KEEP
    assert journal.latest[-1].subject == str(module.KEEP + 4)


def test_listeners_are_told_at_once(journal: Journal) -> None:
    told: list[Entry] = []
    journal.subscribe(told.append)
    assert journal.note("process.ready", "catalog.web.1") is told[0]


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(5, "Input/output error"), ValueError("closed")])
def test_a_listener_whose_terminal_is_gone_is_told_no_more(journal: Journal, error: Exception) -> None:
    """Its error would end whatever task told of its work, such as the one that supervises a process."""
    told: list[Entry] = []
    asked: list[Entry] = []

    def gone(entry: Entry) -> None:
        asked.append(entry)
        raise error

    journal.subscribe(gone)
    journal.subscribe(told.append)
    journal.note("system.stopping", "shop")
    journal.note("system.stopped", "shop")
    assert len(told) == 2
    assert len(asked) == 1
