"""
The evidence folder: made before anything is started, filled while the proof runs.

    .mainstay/proofs/20260131T120000Z-normal/
        topology.toml   what was proved, secrets masked
        events.jsonl    what the supervisor did and why
        claims/<name>/history.jsonl    every operation and fact, line by line as they happened
        claims/<name>/held.csv         what each process held meanwhile: memory, descriptors, connections
        claims/<name>/claim.json       what became of it
        logs/           of the twin's processes, secrets masked
        printed.txt     what journeys printed, where they did
        proof.json  report.html  junit.xml  summary.md

A disk that cannot be written is refused before the system is touched. One that fills
up later costs files, never the verdict: `write` returns what could not be written.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from mainstay.base.errors import OperationFailed
from mainstay.ops.prove.claim import Claim
from mainstay.ops.prove.evidence.document import document
from mainstay.ops.prove.evidence.junit import junit
from mainstay.ops.prove.evidence.markdown import summary
from mainstay.ops.prove.evidence.masking import mask, mask_topology, masked
from mainstay.ops.prove.evidence.printed import FILE as PRINTED
from mainstay.ops.prove.evidence.report import report
from mainstay.ops.prove.proof import Proof

KEEP = 10
"""Proofs in ``.mainstay/proofs``; older ones are removed when a new one begins."""
LEAST_FREE = 64 * 1024 * 1024
"""Bytes free where evidence goes. A line of a history has about 300; a normal proof leaves some 20 MB."""
LONGEST_NAME = 80
_TRIAL, _PARTIAL = ".trial", ".partial"
_OURS = re.compile(r"\d{8}T\d{6}Z-(?:quick|normal|full)(?:-\d+)?")
_MARKS = frozenset(("topology.toml", "claims"))
"""What every proof has from its start; a folder without both is somebody else's."""
_CONTENT = _MARKS | {"events.jsonl", "logs", "proof.json", "report.html", "junit.xml", "summary.md", PRINTED}


class Ledger(io.TextIOWrapper):
    """
    A text stream whose lines are the system's when `write` returns, so that SIGKILL loses none.

    One system call a line: 500 a second cost about two thousandths of a core. It never
    raises: on a full disk it tells ``trouble`` once and takes the rest without keeping it.
    """

    def __init__(self, path: Path, trouble: Callable[[str], None]) -> None:
        super().__init__(path.open("wb"), encoding="utf-8", errors="replace", line_buffering=True)
        self._path = path
        self._trouble = trouble
        self._lost = False

    def write(self, text: str) -> int:
        if not (self._lost or self.closed):
            try:
                return super().write(mask(text))
            except OSError as error:
                self._give_up(error)
        return len(text)

    def close(self) -> None:
        try:
            super().close()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        if not self._lost:
            self._lost = True
            self._trouble(f"{self._path} is not whole: {error.strerror or error}")


@dataclass
class Written:
    """What `Folder.write` left behind."""

    paths: dict[str, Path] = field(default_factory=dict)
    """By file name: ``report.html``."""
    troubles: list[str] = field(default_factory=list)
    """One sentence for each thing that could not be written."""


@dataclass
class Folder:
    """One proof's evidence. `create` makes it; `open_history` and `add_events` fill it; `write` ends it."""

    path: Path
    removed: list[Path] = field(default_factory=list)
    """Older proofs that made room for this one."""
    troubles: list[str] = field(default_factory=list)
    was_removed: bool = False
    """Whether somebody removed it before its end; what `write` leaves then is no evidence."""
    _names: dict[str, str] = field(default_factory=dict, repr=False)
    _written: dict[str, Path] = field(default_factory=dict, repr=False)
    _held: int | None = field(default=None, repr=False)
    """The lock that says: still being filled. It ends with this process, however that ends."""

    @classmethod
    def create(
        cls,
        project: Path,
        size: str,
        began: datetime,
        *,
        topology_text: str = "",
        evidence: Path | None = None,
    ) -> Folder:
        """
        Make the folder and everything in it that is known beforehand.

        ``evidence`` names another place than ``.mainstay/proofs`` of the project; there, only an
        earlier proof is replaced, and nothing is ever removed beside it.

        Raises:
            OperationFailed: It cannot be written, has too little room, holds something else, or another
                proof is filling it.
        """
        try:
            if evidence is None:
                folder = cls(_fresh(project, f"{began:%Y%m%dT%H%M%SZ}-{size}"))
                folder._hold()
            else:
                evidence.mkdir(parents=True, exist_ok=True)
                folder = cls(evidence)
                folder._hold(alone=True)
        except BlockingIOError as error:
            raise _in_use(evidence or project) from error
        except OSError as error:
            raise cannot_write(evidence or project / ".mainstay" / "proofs", error) from error
        try:
            if evidence is not None:
                _clear(evidence)
            _check_room(folder.path)
            (folder.path / "topology.toml").write_text(mask_topology(topology_text))
            (folder.path / "claims").mkdir()
            if evidence is None:
                folder.removed = _remove_oldest(folder.path.parent)
                _point_latest_at(folder.path)
        except OSError as error:
            folder._let_go()
            raise cannot_write(evidence or project / ".mainstay" / "proofs", error) from error
        except OperationFailed:
            folder._let_go()
            raise
        return folder

    def _hold(self, *, alone: bool = False) -> None:
        """
        Keep it from being taken for an old one, however many others begin while it is filled.

        Raises:
            BlockingIOError: Another proof fills it, and this one must be ``alone``.
            OSError: It cannot be held.
        """
        self._held = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if not (alone and _lock_alone(self._held)):
                fcntl.flock(self._held, fcntl.LOCK_SH)
        except OSError:
            self._let_go()
            raise

    def _let_go(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def claim(self, claim: Claim) -> Path:
        """The folder of one claim; names that differ never share one."""
        if claim.name not in self._names:
            self._names[claim.name] = _unused(file_name(claim.name), set(self._names.values()))
        path = self.path / "claims" / self._names[claim.name]
        with contextlib.suppress(OSError):
            path.mkdir(parents=True, exist_ok=True)
        return path

    def open_history(self, claim: Claim) -> IO[str]:
        """Where the history of a claim goes while it is made; a disk that is full is told of at the end."""
        return self._open(self.claim(claim) / "history.jsonl")

    def open_held(self, claim: Claim) -> IO[str]:
        """Where goes what each process holds while a claim is tried, in the same way."""
        return self._open(self.claim(claim) / "held.csv")

    def _open(self, path: Path) -> IO[str]:
        try:
            return Ledger(path, self.troubles.append)
        except OSError as error:
            self.troubles.append(f"{path} was not written: {error.strerror or error}")
            return io.StringIO()

    def add_events(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Append what the supervisor noted, so that a proof that is killed leaves it too."""
        text = _lines(events)
        self._try("events.jsonl", lambda path: _append(path, text))

    def write(self, proof: Proof) -> Written:
        """Everything that is known at the end. Never raises for a disk: what is missing is in ``troubles``."""
        self.was_removed = not (self.path / "topology.toml").exists()
        content = document(proof, folders=self._names)
        self._save("proof.json", _json(content))
        for result, told in zip(proof.results, content["claims"], strict=True):
            name = (self.claim(result.claim) / "claim.json").relative_to(self.path).as_posix()
            self._save(name, _json(told))
        self._save("junit.xml", junit(content))
        self._save("summary.md", summary(content))
        self._save("events.jsonl", _lines(proof.events))
        self._save("report.html", report(content))
        self._let_go()
        return Written(dict(self._written), list(self.troubles))

    def _save(self, name: str, text: str) -> None:
        if self._try(name, lambda path: _replace(path, text)):
            self._written[name] = self.path / name

    def _try(self, name: str, action: Callable[[Path], None]) -> bool:
        path = self.path / name
        try:
            action(path)
        except OSError as error:
            self.troubles.append(f"{path} was not written: {error.strerror or error}")
            return False
        return True


def file_name(name: str) -> str:
    """A claim's name as the name of a folder: letters, digits, dots and dashes, never hidden or upwards."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:LONGEST_NAME].strip(".-")
    return plain or "claim"


def cannot_write(path: Path, error: OSError) -> OperationFailed:
    """Why evidence cannot go there, before anything was started."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full(path)
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        kind, hint = (
            "prove.evidence-read-only",
            "make it writable for this user, or name another: --evidence PATH",
        )
    else:
        kind, hint = "prove.evidence-unusable", "name another folder: --evidence PATH"
    place = error.filename or path
    return OperationFailed(
        kind, f"evidence cannot be written to {place}: {error.strerror or error}", hint=hint
    )


def _full(path: Path) -> OperationFailed:
    return OperationFailed(
        "prove.evidence-full",
        f"evidence needs {LEAST_FREE // 1024**2} MiB at {path}, and there is less",
        hint="free some space there, or name a folder on another disk: --evidence PATH",
    )


def _fresh(project: Path, name: str) -> Path:
    """A new folder among the proofs of a project; two that begin in the same second get one each."""
    state = project / ".mainstay"
    state.mkdir(mode=0o700, exist_ok=True)
    proofs = state / "proofs"
    proofs.mkdir(exist_ok=True)
    for number in range(1, 100):
        path = proofs / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    raise FileExistsError(errno.EEXIST, "taken a hundred times", str(proofs / name))


def _lock_alone(descriptor: int) -> bool:
    """
    False where that is not possible: NFS gives such a lock only to who may write, as no folder is opened (flock(2)).

    Raises:
        BlockingIOError: Somebody else holds it.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        return False
    return True


def _in_use(path: Path) -> OperationFailed:
    return OperationFailed(
        "prove.evidence-in-use",
        f"another proof is writing its evidence to {path}",
        hint="wait for its end, or name another folder: --evidence PATH",
    )


def _clear(path: Path) -> None:
    """Remove the earlier proof that may be in a folder somebody named."""
    found = {each.name for each in path.iterdir()}
    strange = {name for name in found - _CONTENT if not _is_partial(name)}
    if found and (strange or not found >= _MARKS):
        raise OperationFailed(
            "prove.evidence-not-empty",
            f"{path} holds something that is no proof: {min(strange or found)}",
            hint="name an empty folder, a new one, or one that holds an earlier proof",
        )
    for name in found:
        _remove(path / name)


def _is_partial(name: str) -> bool:
    """Left by a proof that was killed while it wrote."""
    return name == _TRIAL or (name.startswith(".") and name.endswith(_PARTIAL))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _check_room(path: Path) -> None:
    """Free space as the system counts it, and as a quota that it does not know of allows."""
    if shutil.disk_usage(path).free < LEAST_FREE:
        raise _full(path)
    trial = path / _TRIAL
    try:
        with trial.open("wb") as stream:
            stream.write(bytes(1024 * 1024))
            stream.flush()
            os.fsync(stream.fileno())
    finally:
        with contextlib.suppress(OSError):
            trial.unlink()


def _remove_oldest(proofs: Path) -> list[Path]:
    """All but the latest `KEEP`; what Mainstay did not name is never touched."""
    ours = sorted(
        (each for each in proofs.iterdir() if _OURS.fullmatch(each.name) and each.is_dir()),
        key=lambda each: each.name,
    )
    removed = []
    for path in ours[:-KEEP]:
        with contextlib.suppress(OSError):
            if not _is_being_filled(path):
                shutil.rmtree(path)
                removed.append(path)
    return removed


def _is_being_filled(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _point_latest_at(path: Path) -> None:
    """A symbolic link that always leads somewhere: replaced whole, and not where links are not possible."""
    partial = path.parent / f".latest-{os.getpid()}"
    with contextlib.suppress(OSError):
        partial.unlink(missing_ok=True)
        partial.symlink_to(path.name)
        partial.replace(path.parent / "latest")


def _unused(name: str, taken: set[str]) -> str:
    number = 1
    while (found := name if number == 1 else f"{name}-{number}") in taken:
        number += 1
    return found


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _lines(events: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(masked(event), default=str) + "\n" for event in events)


def _append(path: Path, text: str) -> None:
    with path.open("a") as stream:
        stream.write(text)


def _replace(path: Path, text: str) -> None:
    """Whole or not at all."""
    partial = path.with_name(f".{path.name}{_PARTIAL}")
    try:
        partial.write_text(text, encoding="utf-8", errors="replace")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
