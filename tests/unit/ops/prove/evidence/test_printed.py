"""What journeys print: whole lines, in one file, without secrets and never more than so much."""

from __future__ import annotations

import logging
import sys
import threading
from pathlib import Path

import pytest

from mainstay.ops.prove.evidence import printed as module
from mainstay.ops.prove.evidence.printed import LONGEST_LINE, Printed

from .sample import TOKEN


def test_what_is_printed_is_kept_by_claim_and_nowhere_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = Printed()
    with kept.instead_of_output():
        print("reading")
        kept.into(tmp_path / "printed.txt")
        kept.under("calm")
        kept.under("primary-lost")
        print("one", 2)
        print("error", file=sys.stderr)
        sys.stdout.write("no end")
    print("back")
    assert (tmp_path / "printed.txt").read_text() == "reading\n--- primary-lost\none 2\nerror\nno end\n"
    assert capsys.readouterr() == ("back\n", "")


def test_where_nothing_is_printed_there_is_no_file(tmp_path: Path) -> None:
    kept = Printed()
    with kept.instead_of_output():
        kept.into(tmp_path / "printed.txt")
        kept.under("calm")
    assert not (tmp_path / "printed.txt").exists()
    assert kept.size == 0


def test_a_handler_of_logs_that_was_made_early_writes_there_too(tmp_path: Path) -> None:
    kept = Printed()
    with kept.instead_of_output():
        handler = logging.StreamHandler()
        kept.into(tmp_path / "printed.txt")
        handler.handle(logging.makeLogRecord({"msg": "ordered"}))
    assert (tmp_path / "printed.txt").read_text() == "ordered\n"


def test_it_never_grows_beyond_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 1000)
    kept = Printed()
    with kept.instead_of_output():
        kept.into(tmp_path / "printed.txt")
        for _ in range(500):
            print("x" * 99)
        sys.stdout.write("y" * 10 * LONGEST_LINE)
        assert len(kept._line) <= LONGEST_LINE
    text = (tmp_path / "printed.txt").read_text()
    assert len(text) < 1100
    assert text.endswith(f"--- {kept.size:,} bytes were printed, of which the first 1,000 are kept\n")
    assert kept.size > 50_000 + 10 * LONGEST_LINE


def test_secrets_are_masked_also_when_a_line_comes_in_pieces(tmp_path: Path) -> None:
    kept = Printed()
    with kept.instead_of_output():
        kept.into(tmp_path / "printed.txt")
        print("Authorization:", f"Bearer {TOKEN}")
    assert TOKEN not in (tmp_path / "printed.txt").read_text()


def test_lines_of_many_threads_are_all_there(tmp_path: Path) -> None:
    kept = Printed()
    with kept.instead_of_output():
        kept.into(tmp_path / "printed.txt")
        threads = [
            threading.Thread(target=lambda: [sys.stdout.write("line\n") for _ in range(50)]) for _ in range(4)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert (tmp_path / "printed.txt").read_text() == "line\n" * 200


def test_a_disk_that_is_full_breaks_no_journey() -> None:
    kept = Printed()
    with kept.instead_of_output():
        kept.into(Path("/dev/full"))
        print("more")
    assert kept.size == 5
