"""What a preparation says reaches its log with times, and its error with the cause first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.supervise import preparation
from mainstay.ops.supervise.journal import Journal
from mainstay.ops.supervise.logtimes import find_moment
from mainstay.ops.supervise.preparation import Outcome, Told, prepare
from mainstay.ops.topology.values import Service

FULL_DISK = """\
static files: collecting
Traceback (most recent call last):
  File "manage.py", line 3, in <module>
    main()
  File "whitenoise/storage.py", line 70, in compress
    stream.write(data)
OSError: [Errno 28] No space left on device: '/static/app.css'
"""


def test_each_line_of_the_log_says_when_it_was_written(tmp_path: Path) -> None:
    """The log holds every start; without times the words of an earlier one pass for the latest's."""
    log = tmp_path / "web.prepare.log"
    told = Told(log)
    told.add(b"static files: unchanged\nmigrations: noth")
    told.add(b"ing to do\nand no end")
    told.close()
    lines = log.read_text().splitlines()
    assert [line.partition("  ")[2] for line in lines] == [
        "static files: unchanged",
        "migrations: nothing to do",
        "and no end",
    ]
    assert all(find_moment(line, log.stat().st_mtime) is not None for line in lines)
    assert told.output == "static files: unchanged\nmigrations: nothing to do\nand no end"


def test_a_line_that_says_its_time_itself_stays_as_it_is(tmp_path: Path) -> None:
    log = tmp_path / "web.prepare.log"
    line = b'{"time": "2026-01-01T10:00:00.000Z", "level": "info", "event": "seeded"}\n'
    Told(log).add(line)
    assert log.read_bytes() == line


def test_a_line_is_in_the_log_before_the_preparation_has_ended(tmp_path: Path) -> None:
    log = tmp_path / "web.prepare.log"
    Told(log).add(b"applied shop.0001_initial\n")
    assert log.read_text().endswith("applied shop.0001_initial\n")


def test_a_log_that_cannot_be_written_loses_nothing_of_what_is_told(tmp_path: Path) -> None:
    told = Told(tmp_path / "gone" / "web.prepare.log")
    told.add(b"migrations: nothing to do\n")
    told.close()
    assert told.output == "migrations: nothing to do\n"


async def test_the_cause_comes_before_the_traceback(
    catalog: Service, journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure = await refused(lambda: Outcome(1, FULL_DISK), catalog, journal, tmp_path, monkeypatch)
    assert failure.what == (
        "preparing catalog ended with exit code 1: OSError: [Errno 28] No space left on device: '/static/app.css'"
    )


async def test_without_a_traceback_there_is_no_guess_at_a_cause(
    catalog: Service, journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure = await refused(lambda: Outcome(4, "CommandError: no\n"), catalog, journal, tmp_path, monkeypatch)
    assert failure.what == "preparing catalog ended with exit code 4"
    assert failure.details == ("CommandError: no",)


async def refused(
    outcome: Callable[[], Outcome],
    service: Service,
    journal: Journal,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> OperationFailed:
    async def run(*_: object) -> Outcome:
        return outcome()

    monkeypatch.setattr(preparation, "_run", run)
    monkeypatch.setattr(preparation, "for_process", lambda *_: {})
    with pytest.raises(OperationFailed) as failure:
        await prepare(None, service, folder / "catalog.prepare.log", journal)  # type: ignore[arg-type]
    return failure.value
