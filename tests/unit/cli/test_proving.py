"""What a person sees while a proof runs."""

from __future__ import annotations

import contextlib
import io
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console

from mainstay.cli.proving import LiveView, PlainView, account, printable, showing, tell_folder
from mainstay.ops.prove.evidence.destination import KEEP
from mainstay.ops.prove.evidence.folder import Folder
from mainstay.ops.prove.progress import Progress
from mainstay.ops.prove.proof import Proof
from tests.unit.ops.prove.evidence.sample import (
    BEGAN,
    HOSTILE,
    disk_full,
    killed,
    paused,
    primary_lost,
    proof,
)

ESCAPE = "\x1b[2J\x1b]0;owned\x07"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def terminal(width: int = 100) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=30, highlight=False)


def drawn(view: LiveView, width: int = 100) -> str:
    """The lines under the finished claims, without colours."""
    out = Console(file=io.StringIO(), width=width, highlight=False, color_system=None)
    out.print(view.draw())
    written = out.file.getvalue()  # type: ignore[attr-defined]
    return str(written)


def play(view: Progress, made: Proof, folder: Path) -> None:
    view.begin(len(made.results), 90.0)
    for number, result in enumerate(made.results, 1):
        view.claim(result.claim, number)
        for name, seconds in (("steady", 4.0), ("fault", 12.0), ("after", 4.0)):
            view.phase(name, seconds)
            view.live({"rate": 60.0, "p99": 0.027, "ok": 240, "fail": 0, "unknown": 0})
        for bite in result.bites:
            view.strike(bite.strike, "begun")
            view.strike(bite.strike, f"over: {bite.evidence.what}")
        view.done(result)
    view.end(made, folder)


def test_what_was_not_judged_and_what_was_printed_is_said_at_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = killed(5.0)
    result.idle = ("refused.keyed = 0",)
    folder = Folder.create(tmp_path, "normal", BEGAN)
    (folder.path / "printed.txt").write_text("hello\n")
    view = LiveView(terminal(200))
    for each in (PlainView(), view):
        play(each, proof(results=[result]), folder.path)
    for said in (capsys.readouterr().out, view._out.file.getvalue()):  # type: ignore[attr-defined]
        assert said.count("not judged  refused.keyed = 0: no journey does it") == 1
        assert f"printed   {folder.path / 'printed.txt'}" in said


def test_the_progress_keeps_the_output_that_it_began_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Meanwhile journeys print elsewhere."""
    view, elsewhere = PlainView(), io.StringIO()
    with contextlib.redirect_stdout(elsewhere):
        play(view, proof(results=[killed(5.0)]), tmp_path)
        print("a journey")
    assert elsewhere.getvalue() == "a journey\n"
    assert "2 claims" not in capsys.readouterr().err


def test_without_a_terminal_there_is_one_plain_line_for_each_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = proof(results=[killed(5.0), disk_full()])
    folder = Folder.create(tmp_path, "normal", BEGAN)
    folder.write(made)
    play(PlainView(), made, folder.path)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 claims, about 90 s"
    assert lines[1].startswith("claim 1 of 2: replica-killed-catalog: When one replica")
    assert lines[2:5] == ["  steady, at most 4.00 s", "  fault, at most 12 s", "  after, at most 4.00 s"]
    assert "  kill catalog.web.1: begun" in lines
    assert "✓ pass  replica-killed-catalog  720 operations, recovery 412 ms, p99 27 ms → 71 ms" in lines
    assert "boxoffice keeps the only claim that could be tried on this machine." in lines
    assert "again     mainstay prove --seed 4711" in lines
    assert lines[-1].split() == [str(folder.path / "report.html")]


def test_the_live_view_shows_claim_phase_load_fault_and_time_left() -> None:
    clock = Clock()
    view, claim = LiveView(terminal(), clock), primary_lost(5.0).claim
    view._total, view._estimate = 3, 90.0
    view.claim(claim, 2)
    view.phase("fault", 12.0)
    view.live({"rate": 61.0, "p99": 0.812, "ok": 1240, "fail": 3, "unknown": 1})
    view.strike(claim.strikes[0], "begun")
    clock.now += 5.0
    text = drawn(view)
    for words in (
        "claim 2 of 3  primary-lost", "about 55 s left", "fault", "5 s of at most 12 s",
        "61 /s", "1,240 ok", "3 failed", "1 unknown", "p99 812 ms", "! link.cut replication  begun",
    ):  # fmt: skip
        assert words in text, words
    view.strike(claim.strikes[0], "over: 14 connections were cut")
    assert "link.cut" not in drawn(view)


def test_the_time_left_is_never_less_than_none() -> None:
    clock = Clock()
    view = LiveView(terminal(), clock)
    view._total, view._estimate = 1, 10.0
    view.claim(killed(5.0).claim, 1)
    clock.now += 1000
    assert "longer than expected" in drawn(view)
    assert "left" not in drawn(view)


@pytest.mark.parametrize("width", [40, 60, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    view, claim = LiveView(terminal(width), Clock()), primary_lost(5.0).claim
    view._total, view._estimate = 3, 90.0
    view.claim(claim, 2)
    view.live({"rate": 61.0, "p99": 0.812, "ok": 1_234_567, "fail": 30_000, "unknown": 1_000})
    view.strike(claim.strikes[0], "x" * 300)
    lines = drawn(view, width).splitlines()
    assert len(lines) == 5
    assert all(len(line) <= width for line in lines)


def test_finished_claims_stay_and_the_end_names_report_and_command(tmp_path: Path) -> None:
    out, made = terminal(120), proof()
    folder = Folder.create(tmp_path, "normal", BEGAN)
    folder.write(made)
    play(LiveView(out), made, folder.path)
    text = out.file.getvalue()  # type: ignore[attr-defined]
    for words in ("breaks 1 of 5 claims", "mainstay prove --seed 4711", str(folder.path), "report.html"):
        assert words in text
    for result in made.results[:4]:
        assert text.count(result.claim.name) >= 2  # its own line, and a row of the table


def test_a_finished_claim_leaves_one_line() -> None:
    out = terminal(60)
    LiveView(out).done(paused(5.0))
    assert len(out.file.getvalue().splitlines()) == 1  # type: ignore[attr-defined]


def test_a_system_cannot_speak_to_the_terminal() -> None:
    assert printable(f"one\ntwo {ESCAPE}") == "one two \ufffd[2J\ufffd]0;owned\ufffd"
    out, result = terminal(), killed(5.0)
    result.trouble = f"{ESCAPE} [bold]{HOSTILE}"
    view = LiveView(out)
    view.done(result)
    text = out.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[2J" not in text
    assert "\x1b]0" not in text
    assert "[bold]" in text


def test_what_does_not_hold_is_told_with_its_reason() -> None:
    assert account(primary_lost(5.0)).startswith("errors.get = 0: ")
    assert "did not bite" in account(paused(5.0))
    assert account(killed(5.0)).startswith("720 operations")


def test_a_reader_that_is_gone_ends_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("mainstay.cli.proving.typer.echo", gone)
    play(PlainView(), proof(), Path("/nowhere"))


def test_without_a_terminal_nothing_is_drawn_over() -> None:
    assert isinstance(showing(), PlainView)


def test_evidence_that_is_missing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for hour in range(KEEP):
        Folder.create(tmp_path, "quick", BEGAN + timedelta(hours=hour)).write(proof())
    folder = Folder.create(tmp_path, "quick", BEGAN + timedelta(hours=KEEP))
    folder.troubles.append("report.html was not written: No space left on device")
    tell_folder(folder)
    assert capsys.readouterr().err.splitlines() == [
        "removed 1 older proof: 20260131T120000Z-quick",
        "evidence is not whole: report.html was not written: No space left on device",
    ]
