"""
A full disk: a size-limited folder under the nodes of a system, and a file that takes what is left.

The folder has to be there before the first node starts, so `prepare` is called before the twin is
started. It is a tmpfs, which only root may mount; its size is taken from memory once it is full.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from mainstay.ops.prove.faults.fault import Evidence, Guard, NotPossible, Strike, Target
from mainstay.ops.prove.faults.kind import FaultKind, Settings

SIZE = 640 * 2**20
"""Two database nodes take about 200 MiB at their start; the rest is what a minute of load may write."""

LARGEST = 4 * 2**30
"""A disk larger than this is somebody's own, and is not filled."""

BALLAST = ".ballast"
AGAIN = 0.05
UNMOUNT_LIMIT = 10.0


@dataclass
class SmallDisk:
    """A mounted folder. Lifetime: from `prepare` until `close`, after the system in it has ended."""

    path: Path
    guard: Guard
    number: int

    async def close(self) -> None:
        """
        Unmount it, as soon as nobody uses it any more; what was in it is gone.

        Raises:
            NotPossible: It is still used; the guard unmounts it later.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(UNMOUNT_LIMIT):
                while self.path.is_mount():
                    await asyncio.to_thread(_run, "umount", str(self.path))
                    await asyncio.sleep(AGAIN if self.path.is_mount() else 0)
                self.guard.release(self.number)
                return
        raise NotPossible(f"{self.path} is still used and could not be unmounted")


def prepare(folder: Path, guard: Guard, *, size: int = SIZE) -> SmallDisk:
    """
    Put a disk of ``size`` bytes under the nodes of a system that has not been started yet.

    Args:
        folder: The system's state folder.

    Raises:
        NotPossible: This is not root, the machine forbids mounting, or the system has nodes already.
    """
    if os.geteuid() != 0:
        raise NotPossible("a size-limited folder needs a mount, which only root may do; run it as root")
    path = folder / "nodes"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(path.iterdir()):
        raise NotPossible(f"{path} is not empty; a disk has to be mounted there before the first start")
    number = guard.promise({"kind": "unmount", "path": str(path)})
    told = _run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0700,nosuid,nodev", "mainstay", str(path))
    if told:
        guard.release(number)
        raise NotPossible(f"this machine does not let root mount a tmpfs: {told}")
    return SmallDisk(path, guard, number)


def _run(*command: str) -> str:
    """What a program complained of; empty when it did what it should."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip() or f"exit code {done.returncode}"


class DiskFull:
    """Not one byte is left where the nodes keep their data; what they free is taken at once."""

    def __init__(self, strike: Strike, settings: Settings, target: Target) -> None:
        self.target = target
        self._folder = target.folder / "nodes"
        self._ballast = self._folder / BALLAST
        self._promise: int | None = None
        self._filling: asyncio.Task[None] | None = None
        self._taken = 0
        self._refused = 0

    async def inject(self) -> None:
        size = _size(self._folder)
        if not self._folder.is_mount() or size > LARGEST:
            raise NotPossible(
                "the data folder has no small disk of its own: it is mounted by root before the system starts"
            )
        undo = {"kind": "unlink", "path": str(self._ballast)}
        self._promise = self.target.guard.promise(undo)
        await asyncio.to_thread(self._fill)
        self._filling = asyncio.create_task(self._keep_full())

    async def _keep_full(self) -> None:
        while True:
            await asyncio.sleep(AGAIN)
            self._fill()

    def _fill(self) -> None:
        """Take what is free, in one piece first and then page by page."""
        with self._ballast.open("ab") as stream:
            self._taken += _take(stream.fileno())
        if _is_refused(self._folder):
            self._refused += 1

    async def undo(self) -> None:
        if self._filling is not None:
            self._filling.cancel()
            await asyncio.gather(self._filling, return_exceptions=True)
        self._ballast.unlink(missing_ok=True)
        if self._promise is not None:
            self.target.guard.release(self._promise)
            self._promise = None

    async def evidence(self) -> Evidence:
        told = f"{self._taken / 2**20:.0f} MiB were taken from {self._folder}"
        if not self._refused:
            return Evidence(False, f"{told}, and writing there was still possible")
        return Evidence(
            True, f"{told}; {self._refused} attempts to write there were refused for lack of space"
        )


def _size(folder: Path) -> int:
    try:
        told = os.statvfs(folder)
    except OSError:
        return 0
    return told.f_blocks * told.f_frsize


def _take(descriptor: int) -> int:
    """
    Bytes that a file has got more than before, when nothing is left to be had.

    Whatever went wrong before: the file never gets larger than a disk that may be filled.
    """
    begin = end = os.fstat(descriptor).st_size
    told = os.fstatvfs(descriptor)
    for step in (told.f_bavail * told.f_frsize, told.f_frsize):
        with contextlib.suppress(OSError):
            while 0 < step <= LARGEST - end:
                os.posix_fallocate(descriptor, end, step)
                end += step
    return end - begin


def _is_refused(folder: Path) -> bool:
    probe = folder / f"{BALLAST}.probe"
    try:
        probe.write_bytes(b"x")
    except OSError as error:
        return error.errno == errno.ENOSPC
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
    return False


KINDS = (
    FaultKind(
        "disk-full",
        "nothing can be written any more where the nodes keep their data",
        DiskFull,
        ("primary", "machine"),
        needs="root, to mount a small disk before the twin starts",
        lasts=5.0,
        optional_target=True,
    ),
)
