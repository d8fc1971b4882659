"""
Where the evidence of a proof goes: a folder of its own with room in it, held until the proof has ended.

Among the proofs of a project it is a new one, and the oldest make way for it. In a place that
somebody named, only an earlier proof is replaced, and nothing is ever removed beside it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shutil
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from mainstay.base.errors import OperationFailed
from mainstay.ops.prove.evidence.printed import FILE as PRINTED

KEEP = 10
"""Proofs in ``.mainstay/proofs``; older ones are removed when a new one begins."""
LEAST_FREE = 64 * 1024 * 1024
"""Bytes free where evidence goes. A line of a history has about 300; a normal proof leaves some 20 MB."""
_TRIAL, PARTIAL = ".trial", ".partial"
_OURS = re.compile(r"\d{8}T\d{6}Z-(?:quick|normal|full)(?:-\d+)?")
_MARKS = frozenset(("topology.toml", "claims"))
"""What every proof has from its start; a folder without both is somebody else's."""
_CONTENT = _MARKS | {"events.jsonl", "logs", "proof.json", "report.html", "junit.xml", "summary.md", PRINTED}


@dataclass
class Destination:
    """`take` finds it and holds it, `make_way` removes what is too old beside it, `let_go` ends it."""

    path: Path
    is_named: bool
    """Whether somebody named this place, instead of ``.mainstay/proofs`` of the project."""
    _held: int | None = field(repr=False)

    @classmethod
    def take(cls, project: Path, size: str, began: datetime, evidence: Path | None) -> Destination:
        """
        A folder that is empty, or a new one; ``evidence`` names it, else it is among the proofs of the project.

        Raises:
            OperationFailed: It cannot be written, has too little room, holds something else, or another
                proof is filling it.
        """
        try:
            if evidence is None:
                path = _fresh(project, f"{began:%Y%m%dT%H%M%SZ}-{size}")
            else:
                path = evidence
                path.mkdir(parents=True, exist_ok=True)
            taken = cls(path, evidence is not None, _hold(path, alone=evidence is not None))
        except BlockingIOError as error:
            raise _in_use(evidence or project) from error
        except OSError as error:
            raise cannot_write(evidence or project / ".mainstay" / "proofs", error) from error
        try:
            if taken.is_named:
                _clear(path)
            _check_room(path)
        except OSError as error:
            taken.let_go()
            raise cannot_write(taken.root, error) from error
        except OperationFailed:
            taken.let_go()
            raise
        return taken

    @property
    def root(self) -> Path:
        """What a person knows it by: the place that was named, or the proofs of the project."""
        return self.path if self.is_named else self.path.parent

    def make_way(self) -> list[Path]:
        """
        Remove the oldest proofs of the project, and let ``latest`` lead here; returns which.

        Raises:
            OSError: The proofs cannot be looked at.
        """
        if self.is_named:
            return []
        removed = _remove_oldest(self.root)
        _point_latest_at(self.path)
        return removed

    def let_go(self) -> None:
        """From now on it is an earlier proof like any other; more than once is fine."""
        if self._held is not None:
            os.close(self._held)
            self._held = None


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


def _hold(path: Path, *, alone: bool) -> int:
    """
    Keep it from being taken for an old one, however many others begin while it is filled.

    The lock says: still being filled. It ends with this process, however that ends.

    Raises:
        BlockingIOError: Another proof fills it, and this one must be ``alone``.
        OSError: It cannot be held.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if not (alone and _lock_alone(descriptor)):
            fcntl.flock(descriptor, fcntl.LOCK_SH)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


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
    return name == _TRIAL or (name.startswith(".") and name.endswith(PARTIAL))


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
