"""Logs in the evidence: masked, and never more of them in memory than a line."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from mainstay.ops.prove.evidence.logs import LONGEST, keep_logs
from mainstay.ops.prove.evidence.masking import MASK

SECRET = "hunter2-correct-horse"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    path = tmp_path / "logs"
    path.mkdir()
    return path


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "proof" / "logs"


def test_every_log_is_kept_and_none_with_a_secret(logs: Path, kept: Path) -> None:
    (logs / "web.web.1.log").write_text(f'{{"event":"started"}}\n{{"credential": "{SECRET}"}}\n')
    (logs / "web.web.1.log.1").write_text(f"Authorization: Bearer {SECRET}\n")
    (logs / "below").mkdir()
    (logs / "below" / "prepare.log").write_text(f"redis://:{SECRET}@127.0.0.1:6379/0 refused")
    keep_logs(logs, kept)
    found = {path.relative_to(kept).as_posix(): path.read_text() for path in kept.rglob("*.log*")}
    assert found == {
        "web.web.1.log": f'{{"event":"started"}}\n{{"credential": "{MASK}"}}\n',
        "web.web.1.log.1": f"Authorization: {MASK}\n",
        "below/prepare.log": f"redis://:{MASK}@127.0.0.1:6379/0 refused",
    }


def test_what_has_no_secret_is_kept_byte_for_byte(logs: Path, kept: Path) -> None:
    content = b"\xff\xfe no text\r\n\n{ }\nno end"
    (logs / "valkey.1.log").write_bytes(content)
    keep_logs(logs, kept)
    assert (kept / "valkey.1.log").read_bytes() == content


def test_a_line_without_end_is_left_out_and_costs_no_memory(logs: Path, kept: Path) -> None:
    """Cut somewhere, it would show a part of whatever secret lies there."""
    size = 40 * LONGEST
    (logs / "web.web.1.log").write_bytes(b"before\n" + b"x" * size + b"\nafter\n")
    tracemalloc.start()
    keep_logs(logs, kept)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (
        kept / "web.web.1.log"
    ).read_text() == f"before\n(a line of {size + 1} bytes was left out)\nafter\n"
    assert peak < 8 * LONGEST


@pytest.mark.parametrize("size", [LONGEST - 1, LONGEST, LONGEST + 1])
def test_a_line_about_as_long_as_is_kept_costs_its_neighbours_nothing(
    logs: Path, kept: Path, size: int
) -> None:
    (logs / "web.web.1.log").write_text("x" * (size - 1) + "\nafter\n")
    keep_logs(logs, kept)
    first, after = (kept / "web.web.1.log").read_text().splitlines()
    assert (len(first) == size - 1, after) == (size <= LONGEST, "after")


def test_a_log_that_cannot_be_kept_costs_the_others_nothing(logs: Path, kept: Path) -> None:
    (logs / "a.log").write_text("a\n")
    (logs / "b.log").write_text("b\n")
    kept.mkdir(parents=True)
    (kept / "a.log").symlink_to("/dev/full")
    keep_logs(logs, kept)
    assert (kept / "b.log").read_text() == "b\n"


def test_no_log_at_all_is_no_trouble(tmp_path: Path, kept: Path) -> None:
    keep_logs(tmp_path / "never", kept)
    assert not kept.exists()
