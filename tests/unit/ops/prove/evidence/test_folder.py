"""The evidence folder, also on disks that misbehave."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.prove.evidence import folder as module
from mainstay.ops.prove.evidence.folder import KEEP, Folder, Ledger, file_name
from mainstay.ops.prove.history import History, Phase, read

from .sample import BEGAN, TOKEN, TOPOLOGY, event, killed, proof

FULL = Path("/dev/full")
"""A device on which every write says that the disk is full (full(4))."""


def create(project: Path, **changes: Any) -> Folder:
    return Folder.create(project, "normal", changes.pop("began", BEGAN), topology_text=TOPOLOGY, **changes)


def test_it_is_there_before_anything_starts(tmp_path: Path) -> None:
    folder = create(tmp_path)
    assert folder.path == tmp_path / ".mainstay" / "proofs" / "20260131T120000Z-normal"
    assert (folder.path / "claims").is_dir()
    assert (tmp_path / ".mainstay").stat().st_mode & 0o777 == 0o700
    assert sorted(each.name for each in folder.path.iterdir()) == ["claims", "topology.toml"]


def test_it_ends_with_every_form_of_the_proof(tmp_path: Path) -> None:
    folder, made = create(tmp_path), proof()
    for result in made.results:
        with folder.open_history(result.claim) as stream:
            History(stream=stream).add(Phase("steady", 1.0, 2.0))
    written = folder.write(made)
    assert written.troubles == []
    for name in ("proof.json", "report.html", "junit.xml", "summary.md", "events.jsonl"):
        assert written.paths[name].stat().st_size > 200
    told = json.loads(written.paths["proof.json"].read_text())
    for claim in told["claims"]:
        assert (folder.path / "claims" / claim["folder"] / "history.jsonl").exists()
        assert json.loads((folder.path / "claims" / claim["folder"] / "claim.json").read_text()) == claim
    assert not [path for path in folder.path.rglob("*") if path.name.startswith(".")]


def test_no_secret_is_in_any_of_its_files(tmp_path: Path) -> None:
    folder, made = create(tmp_path), proof()
    with folder.open_history(made.results[0].claim) as stream:
        grown = killed(5.0).history
        grown.operations[0].error = f"Authorization: Bearer {TOKEN}"
        grown.stream = stream
        grown.add(grown.operations[0])
    folder.add_events(made.events)
    folder.write(made)
    for path in folder.path.rglob("*"):
        assert path.is_dir() or "very-secret" not in path.read_text(), path


def test_a_line_is_in_the_file_when_it_was_added(tmp_path: Path) -> None:
    claim = killed(5.0).claim
    folder = create(tmp_path)
    stream = folder.open_history(claim)
    History(stream=stream).add(Phase("steady", 1.0, 2.0))
    assert read(folder.claim(claim) / "history.jsonl").phases == [Phase("steady", 1.0, 2.0)]
    stream.close()


def test_a_killed_proof_leaves_what_it_saw(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    program = (
        "import os, signal; from pathlib import Path\n"
        "from mainstay.ops.prove.evidence.folder import Ledger\n"
        "from mainstay.ops.prove.history import History, Phase\n"
        f"history = History(stream=Ledger(Path({str(path)!r}), print))\n"
        "for n in range(100): history.add(Phase(str(n), n, n + 1))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(read(path).phases) == 100


def test_claims_never_share_a_folder_and_never_leave_it(tmp_path: Path) -> None:
    folder, claim = create(tmp_path), killed(5.0).claim
    names = ("a b", "a/b", "a-b", "../../etc/passwd", "..", "", "x" * 300)
    paths = [folder.claim(replace(claim, name=name)) for name in names]
    assert len(set(paths)) == len(names)
    assert all(path.parent == folder.path / "claims" and path.is_dir() for path in paths)
    assert folder.claim(replace(claim, name="a/b")) == paths[1]
    assert file_name("../..") == "claim"


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


def test_a_disk_that_fills_up_costs_lines_and_says_so_once() -> None:
    troubles: list[str] = []
    stream = Ledger(FULL, troubles.append)
    for _ in range(3):
        stream.write("a line\n")
    stream.close()
    assert troubles == ["/dev/full is not whole: No space left on device"]


def test_a_disk_that_fills_up_costs_files_and_never_the_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = create(tmp_path)

    def refuse(path: Path, text: str) -> None:
        if path.name != "summary.md":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        path.write_text(text)

    monkeypatch.setattr(module, "_replace", refuse)
    written = folder.write(proof())
    assert list(written.paths) == ["summary.md"]
    assert f"{folder.path / 'report.html'} was not written: No space left on device" in written.troubles


def test_a_folder_that_is_removed_meanwhile_ends_nothing(tmp_path: Path) -> None:
    folder = create(tmp_path)
    module.shutil.rmtree(folder.path)
    folder.path.touch()
    stream = folder.open_history(killed(5.0).claim)
    stream.write("a line\n")
    stream.close()
    folder.add_events([event(1, "process.ready", "web")])
    assert len(folder.write(proof()).troubles) >= 6
