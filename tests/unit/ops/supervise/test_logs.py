"""Logs of processes are rotated under their writers and read merged."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.observability.formats import JsonFormatter
from mainstay.ops.supervise import logs as module
from mainstay.ops.supervise.child import open_log
from mainstay.ops.supervise.logs import Mark, Tail, follow, matches, rotate

# --- rotation -----------------------------------------------------------------------------


def test_a_small_log_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "catalog.web.1.log").write_bytes(b"x" * 10)
    assert rotate(tmp_path, largest=10) == []


def test_the_writer_goes_on_in_the_same_file(tmp_path: Path) -> None:
    """A process keeps its descriptor; with a rename it would go on writing into the old file."""
    path = tmp_path / "catalog.web.1.log"
    with open_log(path) as log:
        log.write(b"before\n" * 10)
        assert rotate(tmp_path, largest=10) == ["catalog.web.1.log"]
        log.write(b"after\n")
    assert path.read_bytes() == b"after\n"
    assert (tmp_path / "catalog.web.1.log.1").read_bytes() == b"before\n" * 10


def test_so_many_are_kept_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "valkey.1.log"
    for number in range(6):
        path.write_text(f"{number}" * 20)
        rotate(tmp_path, largest=10, kept=3)
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "valkey.1.log",
        "valkey.1.log.1",
        "valkey.1.log.2",
        "valkey.1.log.3",
    ]
    assert (tmp_path / "valkey.1.log.1").read_text() == "5" * 20
    assert (tmp_path / "valkey.1.log.3").read_text() == "3" * 20


# --- marks ----------------------------------------------------------------------------------


def test_only_what_was_written_since_the_mark_is_quoted(path: Path) -> None:
    append(path, "KeyError: 'of the run before'\n")
    mark = Mark.end_of(path)
    assert mark.last(5) == ()
    append(path, "one\ntwo\nthree\n")
    assert mark.last(2) == ("two", "three")


def test_a_log_that_was_rotated_since_the_mark_is_all_new(path: Path) -> None:
    append(path, "before\n" * 10)
    mark = Mark.end_of(path)
    rotate(path.parent, largest=10)
    append(path, "after\n")
    assert mark.last(5) == ("after",)


def test_of_a_log_that_is_not_there_nothing_is_quoted(path: Path) -> None:
    mark = Mark.end_of(path)
    assert mark.last(5) == ()
    append(path, "first\n")
    assert mark.last(5) == ("first",)


# --- tail --------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.web.1.log"


def append(path: Path, text: str) -> None:
    with path.open("a") as stream:
        stream.write(text)


def test_a_line_is_given_once_it_is_whole(path: Path) -> None:
    tail = Tail(path)
    assert tail.read() == []
    append(path, "one\ntw")
    assert tail.read() == ["one"]
    assert tail.read() == []
    append(path, "o\n\nthree\n")
    assert tail.read() == ["two", "", "three"]


def test_a_truncated_log_is_read_from_its_start(path: Path) -> None:
    tail = Tail(path)
    append(path, "a long line before\n")
    tail.read()
    path.write_text("after\n")
    assert tail.read() == ["after"]


def test_a_line_longer_than_a_block_does_not_stop_the_log(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK", 16)
    append(path, "x" * 40 + "\nnext\n")
    tail = Tail(path)
    seen: list[str] = []
    while lines := tail.read():
        seen += lines
    assert "".join(seen) == "x" * 40 + "next"
    assert seen[-1] == "next"


def test_bytes_that_are_no_text_are_shown_as_such(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\n")
    assert Tail(path).read() == ["��"]


def test_what_another_process_of_the_name_writes_is_not_quoted(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """During an update the old one goes on to serve, and its requests would push out why the new one fails."""

    def says(generation: str, text: str) -> str:
        monkeypatch.setenv("MAINSTAY_GENERATION", generation)
        return JsonFormatter().format(logging.makeLogRecord({"msg": text})) + "\n"

    def lines(*wanted: str) -> tuple[str, ...]:
        return tuple(each.rstrip() for each in wanted)

    mark = Mark.end_of(path)
    other = says("1", "request")
    own, plain = says("12", 'of "generation":"1" itself'), "Traceback\n"
    append(path, other + own + plain + other * 900)
    assert mark.last(9, 12) == lines(own, plain)
    assert mark.last(9, 2) == lines(plain)
    assert mark.last(1) == lines(other)


@pytest.mark.parametrize(("last", "expected"), [(0, []), (2, ["2", "3"]), (9, ["1", "2", "3"])])
def test_it_begins_with_the_last_lines(path: Path, last: int, expected: list[str]) -> None:
    append(path, "1\n2\n3\n")
    tail = Tail(path)
    tail.skip_to_last(last)
    assert tail.read() == expected


@pytest.mark.parametrize("block", [1, 7, 4096])
def test_the_last_lines_are_whole_however_long_they_are(
    path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    """A record with a traceback has thousands of characters."""
    monkeypatch.setattr(module, "BLOCK", block)
    lines = [f"{number}" * (1 + 900 * number) for number in range(10)]
    append(path, "\n".join(lines) + "\n")
    for last in (1, 4, 10, 11):
        tail = Tail(path)
        tail.skip_to_last(last)
        assert path.read_text()[tail.position :].split("\n")[:-1] == lines[-last:]


@pytest.mark.parametrize(("last", "first"), [(0, []), (1, ["two"])])
def test_a_line_that_is_being_written_is_none_of_the_last(path: Path, last: int, first: list[str]) -> None:
    append(path, "one\ntwo\nthr")
    tail = Tail(path)
    tail.skip_to_last(last)
    assert tail.read() == first
    append(path, "ee\n")
    assert tail.read() == ["three"]


@given(parts=st.lists(st.text(alphabet="ab\n", max_size=8), max_size=12))
def test_however_it_is_written_every_whole_line_is_given_once(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str]
) -> None:
    path = tmp_path_factory.mktemp("logs") / "a.log"
    path.touch()
    tail = Tail(path)
    seen: list[str] = []
    for part in parts:
        append(path, part)
        seen += tail.read()
    assert seen == "".join(parts).split("\n")[:-1]


# --- all of them ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("process", "names", "matched"),
    [
        ("catalog.web.1", [], True),
        ("catalog.web.1", ["catalog"], True),
        ("catalog.web.1", ["catalog.web"], True),
        ("catalog.web.1", ["catalog.web.1"], True),
        ("catalog.web.1", ["cat"], False),
        ("catalog.web.11", ["catalog.web.1"], False),
        ("orders.web.1", ["catalog", "orders"], True),
    ],
)
def test_a_name_means_a_process_or_all_below_it(process: str, names: list[str], matched: bool) -> None:
    assert matches(process, names) is matched


def at(second: int) -> str:
    return f"2026-01-31 12:00:{second:02}.000 UTC [7] LOG:  {second}"


def test_all_logs_are_merged_by_time(tmp_path: Path) -> None:
    (tmp_path / "catalog.web.1.log").write_text("".join(f"{at(second)}\n" for second in (1, 2, 5)))
    (tmp_path / "catalog.web.1.log.1").write_text("rotated\n")
    (tmp_path / "orders.web.1.log").write_text(f"{at(3)}\nTraceback\n{at(4)}\n")
    assert list(follow(tmp_path, [], last=3, forever=False)) == [
        ("catalog.web.1", at(1)),
        ("catalog.web.1", at(2)),
        ("orders.web.1", at(3)),
        ("orders.web.1", "Traceback"),
        ("orders.web.1", at(4)),
        ("catalog.web.1", at(5)),
    ]


def test_each_log_begins_with_its_own_last_lines(tmp_path: Path) -> None:
    (tmp_path / "catalog.web.1.log").write_text("1\n2\n3\n")
    (tmp_path / "orders.web.1.log").write_text("o\n")
    os.utime(tmp_path / "orders.web.1.log", (0, 0))
    assert list(follow(tmp_path, [], last=2, forever=False)) == [
        ("orders.web.1", "o"),
        ("catalog.web.1", "2"),
        ("catalog.web.1", "3"),
    ]


def test_everything_asked_for_is_given_however_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 64)
    (tmp_path / "catalog.web.1.log").write_text("line\n" * 100)
    assert len(list(follow(tmp_path, [], last=100, forever=False))) == 100


def test_following_finds_new_lines_and_new_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = tmp_path / "catalog.web.1.log", tmp_path / "catalog.web.2.log"
    old.write_text("seen long ago\n")
    steps: list[Callable[[], object]] = [
        lambda: append(old, "again\n"),
        lambda: append(new, "first\n"),
    ]
    monkeypatch.setattr(module.time, "sleep", lambda _: steps.pop(0)())
    seen = follow(tmp_path, ["catalog"], last=0, forever=True)
    assert [next(seen), next(seen)] == [("catalog.web.1", "again"), ("catalog.web.2", "first")]
