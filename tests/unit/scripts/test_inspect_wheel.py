"""An archive that lacks a template, or carries something of the checkout, is refused."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from scripts.inspect_wheel import problems

WHOLE = [
    "mainstay/__init__.py",
    "mainstay/engine.conf.j2",
    "mainstay-1.dist-info/METADATA",
    "mainstay-1.dist-info/entry_points.txt",
    "mainstay-1.dist-info/licenses/LICENSE",
]
WANTED = WHOLE[:2]


def build(folder: Path, wheel: list[str], archive: list[str]) -> Path:
    with zipfile.ZipFile(folder / "mainstay-1-py3-none-any.whl", "w") as file:
        for name in wheel:
            file.writestr(name, "")
    with tarfile.open(folder / "mainstay-1.tar.gz", "w:gz") as file:
        for name in archive:
            file.addfile(tarfile.TarInfo(name), io.BytesIO())
    return folder


def test_whole_archives_are_fine(tmp_path: Path) -> None:
    assert problems(build(tmp_path, WHOLE, ["mainstay-1/README.md"]), WANTED) == []


@pytest.mark.parametrize("missing", WHOLE)
def test_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    (problem,) = problems(build(tmp_path, [name for name in WHOLE if name != missing], []), WANTED)

    assert missing.removeprefix("mainstay-1") in problem


@pytest.mark.parametrize(
    "extra", ["mainstay/tests/test_it.py", "mainstay/a.pyc", "mainstay/.mainstay/secrets.json"]
)
def test_what_belongs_to_a_checkout_is_named(tmp_path: Path, extra: str) -> None:
    assert problems(build(tmp_path, [*WHOLE, extra], []), WANTED) == [f"the wheel holds {extra}"]


def test_traces_in_the_source_archive_are_named(tmp_path: Path) -> None:
    name = "mainstay-1/boxoffice/.mainstay/secrets.json"

    assert problems(build(tmp_path, WHOLE, [name]), WANTED) == [f"the archive holds {name}"]


def test_a_second_wheel_is_refused(tmp_path: Path) -> None:
    build(tmp_path, WHOLE, [])
    (tmp_path / "mainstay-2-py3-none-any.whl").touch()

    assert "found 2 and 1" in problems(tmp_path, WANTED)[0]
