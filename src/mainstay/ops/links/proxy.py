"""
All links of one system: doors, and the toxics that somebody has set on them.

Toxics belong to the control connection that set them. When it closes, for whatever reason,
they are gone and the links are healed; so nobody can be killed in a way that leaves a link
broken.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import asdict, fields

from mainstay.base.errors import OperationFailed, nearest
from mainstay.ops.links.door import Door, Place
from mainstay.ops.links.lane import Counters
from mainstay.ops.links.toxics import Toxic


class Proxy:
    """Lifetime: doors are added and removed at any time; `close` removes all."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._doors: dict[tuple[str, int], Door] = {}
        self._toxics: dict[str, dict[Hashable, tuple[Toxic, ...]]] = {}
        self._gone: dict[str, Counters] = {}
        """What removed doors counted, by their names: counters only ever grow."""

    # --- doors ---------------------------------------------------------------------------------

    def add(self, wanted: Place) -> None:
        """
        Open a door; one that is there already only leads elsewhere.

        Raises:
            OperationFailed: Its address cannot be had.
        """
        there = self._doors.get(wanted.listen)
        if there is not None and there.place.name == wanted.name:
            if there.target != wanted.target:
                there.lead_to(wanted.target)
            return
        if there is not None:
            self.remove(wanted.listen)
        door = Door(wanted, self._seed)
        door.suffer(self._of(door))
        door.open()
        self._doors[wanted.listen] = door
        self._gone.setdefault(wanted.name, Counters())

    def remove(self, listen: tuple[str, int]) -> None:
        """Close a door and what leads through it; one that is not there is closed already."""
        door = self._doors.pop(listen, None)
        if door is not None:
            door.close()
            _add(self._gone[door.place.name], door.counters)

    def retarget(self, name: str, target: tuple[str, int], *, cut: bool = False) -> None:
        for door in self._named(name):
            door.lead_to(target, cut=cut)

    def close(self) -> None:
        for listen in list(self._doors):
            self.remove(listen)

    def places(self) -> list[Place]:
        return [door.place for door in self._doors.values()]

    # --- toxics --------------------------------------------------------------------------------

    def set(self, owner: Hashable, name: str, toxics: tuple[Toxic, ...]) -> None:
        """
        Replace what this owner does to a link; nothing heals it.

        Raises:
            OperationFailed: There never was a link of this name.
        """
        doors = self._named(name)
        owners = self._toxics.setdefault(name, {})
        owners[owner] = toxics
        if not toxics:
            del owners[owner]
        for door in doors:
            door.suffer(self._of(door))

    def forget(self, owner: Hashable) -> None:
        """This owner is gone: what it did is undone."""
        for name, owners in list(self._toxics.items()):
            if owner in owners:
                self.set(owner, name, ())

    def counters(self, name: str) -> dict[str, int]:
        """
        Raises:
            OperationFailed: There never was a link of this name.
        """
        total = Counters()
        for door in self._named(name):
            _add(total, door.counters)
        _add(total, self._gone[name])
        return asdict(total)

    def _of(self, door: Door) -> Iterator[Toxic]:
        for toxics in self._toxics.get(door.place.name, {}).values():
            yield from toxics

    def _named(self, name: str) -> list[Door]:
        if name not in self._gone:
            known = sorted(self._gone)
            raise OperationFailed(
                "links.unknown-name",
                f"there is no link {name!r}",
                hint=nearest(name, known) or f"links: {', '.join(known) or 'none'}",
            )
        return [door for door in self._doors.values() if door.place.name == name]


def _add(total: Counters, more: Counters) -> None:
    for each in fields(Counters):
        setattr(total, each.name, getattr(total, each.name) + getattr(more, each.name))
