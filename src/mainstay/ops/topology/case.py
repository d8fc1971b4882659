"""What is judged, and where findings go: shared by all checks of a topology."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from mainstay.base.shapes import Spot
from mainstay.ops.topology.declaration import Declaration
from mainstay.ops.topology.values import Topology


@dataclass(frozen=True, slots=True)
class Case:
    """What is judged, and where findings go. Paths are relative to the declaration."""

    declaration: Declaration
    topology: Topology
    spot: Spot
    service_names: Collection[str]
    """Every name below ``[service]``, also of tables that could not be read."""
    unread: tuple[str, ...]
    """Paths of values that could not be read and so stand at their defaults."""

    def report(
        self, kind: str, path: str, expected: str, found: str, hint: str = "", *, rests_on: Iterable[str] = ()
    ) -> None:
        """Note a problem, unless it rests on a value that is a problem already."""
        if not any(overlaps(bad, mine) for bad in self.unread for mine in (path, *rests_on)):
            where = f"{self.spot.path}.{path}" if self.spot.path else path
            Spot(self.spot.where, self.spot.area, where, self.spot.problems).report(
                kind, expected, found, hint
            )


def overlaps(one: str, other: str) -> bool:
    """Whether two key paths are the same place or one holds the other."""
    short, long = sorted((one, other), key=len)
    return long == short or long.startswith((f"{short}.", f"{short}["))
