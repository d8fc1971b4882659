"""Where evidence goes: a folder of its own, which takes nothing from anybody, on disks that take it."""

from __future__ import annotations

import errno
import fcntl
import os
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.prove.evidence import destination as module
from mainstay.ops.prove.evidence.destination import KEEP

from .sample import BEGAN, create, proof

# --- among the proofs of a project -------------------------------------------------------------


def test_two_proofs_of_one_second_get_a_folder_each(tmp_path: Path) -> None:
    first, second = create(tmp_path), create(tmp_path)
    assert second.path.name == f"{first.path.name}-2"


def test_the_latest_are_kept_and_the_rest_is_named(tmp_path: Path) -> None:
    made = [create(tmp_path, began=BEGAN + timedelta(hours=n)) for n in range(KEEP)]
    for folder in made:
        folder.write(proof())
    (tmp_path / ".mainstay" / "proofs" / "mine").mkdir()
    last = create(tmp_path, began=BEGAN + timedelta(hours=KEEP))
    assert made[-1].removed == []
    assert last.removed == [made[0].path]
    left = {path.name for path in (tmp_path / ".mainstay" / "proofs").iterdir() if not path.is_symlink()}
    assert left == {"mine", *(each.path.name for each in [*made[1:], last])}


def test_one_that_is_still_being_filled_is_kept(tmp_path: Path) -> None:
    long = create(tmp_path)
    for hour in range(1, KEEP + 3):
        create(tmp_path, began=BEGAN + timedelta(hours=hour)).write(proof())
    assert long.path.is_dir(), "it takes longer than all that began after it"
    long.write(proof())
    last = create(tmp_path, began=BEGAN + timedelta(hours=KEEP + 4))
    assert long.path in last.removed


def test_a_place_that_is_refused_is_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    with pytest.raises(OperationFailed):
        create(tmp_path, evidence=tmp_path / "here")
    monkeypatch.undo()
    assert create(tmp_path, evidence=tmp_path / "here").path == tmp_path / "here"


def test_latest_leads_to_the_newest(tmp_path: Path) -> None:
    create(tmp_path)
    newest = create(tmp_path, began=BEGAN + timedelta(hours=1))
    link = tmp_path / ".mainstay" / "proofs" / "latest"
    assert link.resolve() == newest.path.resolve()
    assert not link.readlink().is_absolute()


# --- another place -----------------------------------------------------------------------------


def test_another_place_is_made_and_an_earlier_proof_in_it_replaced(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "evidence"
    create(tmp_path, evidence=place).write(proof())
    again = create(tmp_path, evidence=place)
    assert again.path == place
    assert sorted(each.name for each in place.iterdir()) == ["claims", "topology.toml"]
    assert not (tmp_path / ".mainstay").exists()


def test_a_place_that_another_proof_is_filling_is_refused_untouched(tmp_path: Path) -> None:
    """It would be taken for an earlier proof, and both would write into one folder."""
    first = create(tmp_path, evidence=tmp_path / "here")
    before = set((tmp_path / "here").rglob("*"))
    with pytest.raises(OperationFailed) as refused:
        create(tmp_path, evidence=tmp_path / "here")
    assert refused.value.id == "prove.evidence-in-use"
    assert set((tmp_path / "here").rglob("*")) == before
    first.write(proof())
    assert create(tmp_path, evidence=tmp_path / "here").path == tmp_path / "here"


def test_a_place_that_cannot_be_locked_for_oneself_is_used_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on NFS, which refuses such a lock on a folder."""
    lock = fcntl.flock

    def shared_only(descriptor: int, kind: int) -> None:
        if kind & fcntl.LOCK_EX:
            raise OSError(errno.EBADF, "Bad file descriptor")
        lock(descriptor, kind)

    monkeypatch.setattr(fcntl, "flock", shared_only)
    assert create(tmp_path, evidence=tmp_path / "here").path == tmp_path / "here"
    assert create(tmp_path).path.is_dir()


@pytest.mark.parametrize(
    "names", [["thesis.txt"], ["claims"], ["logs"], ["claims", "topology.toml", "thesis.txt"]]
)
def test_a_place_that_holds_something_else_is_refused_untouched(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("mine")
    with pytest.raises(OperationFailed) as refused:
        create(tmp_path, evidence=tmp_path)
    assert refused.value.id == "prove.evidence-not-empty"
    assert all((tmp_path / name).read_text() == "mine" for name in names)


# --- disks ---------------------------------------------------------------------------------------


def test_a_disk_with_little_room_is_refused_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: SimpleNamespace(free=10 * 1024 * 1024))
    with pytest.raises(OperationFailed) as refused:
        create(tmp_path)
    assert refused.value.id == "prove.evidence-full"
    assert "--evidence" in refused.value.hint


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, "prove.evidence-full"),
        (errno.EDQUOT, "prove.evidence-full"),
        (errno.EROFS, "prove.evidence-read-only"),
        (errno.EACCES, "prove.evidence-read-only"),
        (errno.ENOTDIR, "prove.evidence-unusable"),
    ],
)
def test_a_disk_that_refuses_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: str
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(module.os, "fsync", refuse)
    with pytest.raises(OperationFailed) as refused:
        create(tmp_path)
    assert refused.value.id == kind


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(OperationFailed) as refused:
        create(tmp_path, evidence=tmp_path / "taken" / "below")
    assert refused.value.id == "prove.evidence-unusable"
