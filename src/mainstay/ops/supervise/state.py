"""
The state folder: what a system keeps between runs, and what shows that it runs.

``.mainstay`` stands beside ``mainstay.toml``, mode 0700. Everything in it belongs to
one user and one version of the layout; one supervisor at a time holds its lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from mainstay.base.errors import OperationFailed

LAYOUT = 1
"""Raised whenever an older supervisor could misread the folder."""

SOCKET_LIMIT = 100
"""A unix socket's path holds 108 bytes at most (unix(7)); some room is left for temporary names."""

LOCK_PATIENCE = 0.3
"""Seconds to try for the lock: one who only asks whether the system runs holds it for an instant."""


@dataclass
class StateFolder:
    """Paths and small records of one system. Opening changes nothing; `claim` does."""

    path: Path
    system: str
    _lock: IO[str] | None = field(default=None, repr=False)

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def socket(self) -> Path:
        """The control socket; in a private folder under the temporary one when the path is too long."""
        direct = self.path / "control.sock"
        if len(str(direct)) < SOCKET_LIMIT:
            return direct
        return self._short_folder() / "control.sock"

    def _short_folder(self) -> Path:
        digest = hashlib.sha256(str(self.path).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"mainstay-{os.geteuid()}-{digest}"

    def node(self, name: str) -> Path:
        return self.path / "nodes" / name

    def static(self, service: str) -> Path:
        return self.path / "static" / service

    def log(self, process: str) -> Path:
        return self.logs / f"{process}.log"

    # --- claiming ---------------------------------------------------------------

    def claim(self) -> None:
        """
        Create the folder or check it, and hold it until this process ends.

        Raises:
            OperationFailed: Another supervisor holds it, another user owns it, another
                layout or another system wrote it, or it cannot be written.
        """
        self._check_existing()
        try:
            for folder in (
                self.path,
                self.logs,
                self.path / "nodes",
                self.path / "static",
                self.socket.parent,
            ):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            (self.path / ".gitignore").write_text("*\n")
            self._check_socket_folder()
            self._take_lock()
            if not (self.path / "state.json").exists():
                self.save("state", {"layout": LAYOUT, "system": self.system})
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def _check_existing(self) -> None:
        if not self.path.exists():
            return
        owner = self.path.stat().st_uid
        if owner != os.geteuid():
            raise OperationFailed(
                "state.other-owner",
                f"{self.path} belongs to user {owner}, and this is user {os.geteuid()}",
                hint="run as that user, or copy the project and leave its .mainstay folder behind",
            )
        recorded = self.load("state")
        layout, system = recorded.get("layout"), recorded.get("system")
        if recorded and layout != LAYOUT:
            raise OperationFailed(
                "state.other-version",
                f"{self.path} has layout {layout!r}, and this version of Mainstay knows {LAYOUT}",
                hint="use the version that wrote it, or remove its data with `mainstay down --volumes`",
            )
        if recorded and system != self.system:
            raise OperationFailed(
                "state.other-system",
                f"{self.path} holds the data of {system!r}, and the file now says {self.system!r}",
                hint="put the old name back, or remove the old data with `mainstay down --volumes`",
            )

    def _check_socket_folder(self) -> None:
        """The short one stands where everybody may write, so somebody else may have made it first."""
        found = self.socket.parent.lstat()
        if found.st_uid != os.geteuid() or found.st_mode & 0o77:
            raise OperationFailed(
                "state.unsafe-folder",
                f"{self.socket.parent} is not a private folder of this user",
                hint="remove it, or put the project where its path is shorter",
            )

    def _take_lock(self) -> None:
        stream = (self.path / "lock").open("a+")
        deadline = time.monotonic() + LOCK_PATIENCE
        while not _locked(stream):
            if time.monotonic() > deadline:
                stream.seek(0)
                holder = stream.read().strip() or "unknown"
                stream.close()
                raise OperationFailed(
                    "state.already-running",
                    f"{self.system} is already running (supervisor pid {holder})",
                    hint="`mainstay status` shows it, `mainstay down` stops it",
                )
            time.sleep(0.02)
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
        self._lock = stream

    def release(self) -> None:
        """Let another process claim the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def running(self) -> bool:
        """Whether a supervisor holds the folder now."""
        try:
            with (self.path / "lock").open("a+") as stream:
                return not _locked(stream)
        except FileNotFoundError:
            return False
        except OSError:
            return True

    def remove(self) -> None:
        """
        Delete everything. The caller has named what goes and was told yes.

        Raises:
            OperationFailed: Something would not go.
        """
        shutil.rmtree(self._short_folder(), ignore_errors=True)
        try:
            # What vanishes meanwhile, as of a process that is just ending, is no reason to leave the rest.
            while self.path.exists():
                with contextlib.suppress(FileNotFoundError):
                    shutil.rmtree(self.path)
        except OSError as error:
            raise OperationFailed(
                "state.cannot-remove",
                f"{error.filename or self.path}: {error.strerror}",
                hint="remove it by hand",
            ) from error

    # --- records ------------------------------------------------------------------

    def load_if_whole(self, record: str) -> dict[str, Any]:
        """As `load`, and empty when it is torn: for records without which all goes on."""
        try:
            return self.load(record)
        except OperationFailed:
            return {}

    def load(self, record: str) -> dict[str, Any]:
        """
        A small JSON record; empty when it does not exist.

        Raises:
            OperationFailed: It cannot be read, or is not whole.
        """
        path = self.path / f"{record}.json"
        try:
            content = json.loads(path.read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise OperationFailed(
                "state.unreadable",
                f"{path}: {error}",
                hint="restore it from a backup; without it the data beside it cannot be used",
            ) from error
        return dict(content) if isinstance(content, dict) else {}

    def save(self, record: str, content: Mapping[str, Any], *, durable: bool = True) -> None:
        """
        Replace a record whole: a crash leaves the old one or the new one.

        A ``durable`` one is on disk when this returns; one that says nothing after a loss of
        power need not wait for that.
        """
        path = self.path / f"{record}.json"
        partial = path.with_suffix(".partial")
        try:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as stream:
                json.dump(content, stream, indent=1)
                stream.flush()
                if durable:
                    os.fsync(stream.fileno())
            partial.replace(path)
            if durable:
                _sync_folder(self.path)
        except OSError as error:
            raise cannot_write(path, error) from error

    def secrets(self, names: list[str]) -> dict[str, str]:
        """The named secrets, each generated once and kept."""
        known = {str(name): str(value) for name, value in self.load("secrets").items()}
        missing = [name for name in names if name not in known]
        if missing:
            known |= {name: secrets.token_urlsafe(48) for name in missing}
            self.save("secrets", known)
        return known


def _locked(stream: IO[str]) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync_folder(path: Path) -> None:
    """A replaced file survives a loss of power only once its folder is on disk too (fsync(2))."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def cannot_write(path: Path, error: OSError) -> OperationFailed:
    hint = "free some space there" if error.errno == 28 else "make it writable for this user"
    return OperationFailed("state.cannot-write", f"{path}: {error.strerror or error}", hint=hint)
