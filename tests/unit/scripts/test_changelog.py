"""Fragments are judged one by one and leave for CHANGELOG.md together."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from scripts import changelog

DAY = datetime.date(2030, 1, 2)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "changelog.d").mkdir()
    (tmp_path / "changelog.d/README.md").write_text("how to\n")
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{changelog.MARK}\n## 0.1.0 (2029-01-01)\n")
    return tmp_path


def write(repository: Path, name: str, text: str) -> Path:
    path = repository / "changelog.d" / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("new.added.md", "Something is new.", "expected <issue>"),
        ("2.improved.md", "Something is better.", "expected <issue>"),
        ("2.added.txt", "Something is new.", "expected <issue>"),
        ("2.added.md", "\n", "empty"),
        ("2.added.md", "something is new.", "whole sentences"),
        ("2.added.md", "Something is new", "whole sentences"),
    ],
)
def test_wrong_fragment_is_named(repository: Path, name: str, text: str, word: str) -> None:
    (problem,) = changelog.problems([write(repository, name, text)])

    assert problem.startswith(name)
    assert word in problem


def test_several_fragments_of_one_issue_are_fine(repository: Path) -> None:
    paths = [write(repository, name, "It is so.\n") for name in ("2.added.md", "2.edge.fixed.md")]

    assert changelog.problems(paths) == []


def test_release_groups_by_kind_above_older_ones_and_removes_fragments(repository: Path) -> None:
    write(repository, "3.fixed.md", "A stop waits.\n")
    write(repository, "2.security.md", "A header is dropped\nat the edge.\n")

    changelog.release(repository, "0.2.0", DAY)

    text = (repository / "CHANGELOG.md").read_text()
    assert text.index("## 0.2.0 (2030-01-02)") < text.index("## 0.1.0")
    assert text.index("### Security") < text.index("### Fixed")
    assert "- A header is dropped\n  at the edge. (#2)" in text
    assert [path.name for path in (repository / "changelog.d").iterdir()] == ["README.md"]


def test_release_with_a_wrong_fragment_changes_nothing(repository: Path) -> None:
    write(repository, "2.added.md", "no stop")
    before = (repository / "CHANGELOG.md").read_text()

    with pytest.raises(SystemExit):
        changelog.release(repository, "0.2.0", DAY)

    assert (repository / "CHANGELOG.md").read_text() == before
    assert (repository / "changelog.d/2.added.md").exists()
