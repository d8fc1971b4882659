"""What a proof tells while it runs, for whoever shows it to a person."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from mainstay.ops.prove.claim import Claim, Result
from mainstay.ops.prove.faults.fault import Strike
from mainstay.ops.prove.proof import Proof


class Progress(Protocol):
    """
    Called in this order by the loop that runs the proof; none of it may block or raise.

    ``begin``, a ``note`` for what is worth knowing of the system, then for each claim ``claim``, its ``phase`` and
    ``strike`` with ``live`` in between, and ``done``; ``end`` last, also after an interruption.
    """

    def begin(self, total: int, seconds: float) -> None:
        """``total`` claims follow, and take about ``seconds``."""

    def note(self, text: str) -> None:
        """The system is up, and ``text`` is how it differs from what somebody may believe."""

    def claim(self, claim: Claim, number: int) -> None:
        """A claim is next; ``number`` counts from 1."""

    def phase(self, name: str, seconds: float) -> None:
        """A stretch begins: ``preparing``, ``steady``, ``fault``, ``after``, ``final``; at most ``seconds``."""

    def live(self, figures: Mapping[str, float]) -> None:
        """
        About twice a second, what the load sees.

        ``rate`` and ``p99`` (seconds) of the last second; ``ok``, ``fail`` and ``unknown`` of this
        claim so far. What is missing is not shown.
        """

    def strike(self, strike: Strike, text: str) -> None:
        """A fault began, bit or was undone; ``text`` says so: ``began``, ``undone: pid 4711 was gone``."""

    def done(self, result: Result) -> None:
        """The claim is judged."""

    def end(self, proof: Proof, folder: Path) -> None:
        """All is judged and written to ``folder``."""


class Silent:
    """Shows nothing; for ``--json`` and for tests."""

    def begin(self, total: int, seconds: float) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def claim(self, claim: Claim, number: int) -> None:
        pass

    def phase(self, name: str, seconds: float) -> None:
        pass

    def live(self, figures: Mapping[str, float]) -> None:
        pass

    def strike(self, strike: Strike, text: str) -> None:
        pass

    def done(self, result: Result) -> None:
        pass

    def end(self, proof: Proof, folder: Path) -> None:
        pass
