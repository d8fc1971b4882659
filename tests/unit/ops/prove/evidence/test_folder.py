"""The evidence folder while it is filled, also on a disk that fills up meanwhile."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mainstay.ops.prove.evidence import folder as module
from mainstay.ops.prove.evidence.folder import Ledger, file_name
from mainstay.ops.prove.history import History, Phase, read

from .sample import TOKEN, create, event, killed, proof

FULL = Path("/dev/full")
"""A device on which every write says that the disk is full (full(4))."""


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
    shutil.rmtree(folder.path)
    folder.path.touch()
    stream = folder.open_history(killed(5.0).claim)
    stream.write("a line\n")
    stream.close()
    folder.add_events([event(1, "process.ready", "web")])
    assert len(folder.write(proof()).troubles) >= 6
