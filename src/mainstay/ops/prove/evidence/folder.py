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
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from mainstay.ops.prove.claim import Claim
from mainstay.ops.prove.evidence.destination import PARTIAL, Destination, cannot_write
from mainstay.ops.prove.evidence.document import document
from mainstay.ops.prove.evidence.junit import junit
from mainstay.ops.prove.evidence.markdown import summary
from mainstay.ops.prove.evidence.masking import mask, mask_topology, masked
from mainstay.ops.prove.evidence.report import report
from mainstay.ops.prove.proof import Proof

LONGEST_NAME = 80


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
    _destination: Destination | None = field(default=None, repr=False)
    """Held until `write` has ended it, so that nobody takes it for an old one."""

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
        destination = Destination.take(project, size, began, evidence)
        try:
            (destination.path / "topology.toml").write_text(mask_topology(topology_text))
            (destination.path / "claims").mkdir()
            removed = destination.make_way()
        except OSError as error:
            destination.let_go()
            raise cannot_write(destination.root, error) from error
        return cls(destination.path, removed, _destination=destination)

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
        if self._destination is not None:
            self._destination.let_go()
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
    partial = path.with_name(f".{path.name}{PARTIAL}")
    try:
        partial.write_text(text, encoding="utf-8", errors="replace")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
