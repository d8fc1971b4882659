"""
The links of a twin: which there are, where each listens and leads, and the process that holds them.

Who is told an address is told a link's instead, one of its own, so that the traffic between
two processes can be disturbed and no other. The supervisor's own questions and orders go
past all links: what is broken on purpose must not keep it from seeing what is.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from pathlib import Path

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines.engine import Address, Launch, Probe
from mainstay.ops.links.client import LinkControl
from mainstay.ops.links.door import Place
from mainstay.ops.supervise.ports import LOOPBACK, Ports
from mainstay.ops.supervise.state import StateFolder

NAME = "links.1"
CONFIGURATION = "links"
MODULE = "mainstay.ops.links"
PROBE_LIMIT = 1.0


def socket_of(state: StateFolder) -> Path:
    """Where the links of a system are told what to do."""
    return state.socket.with_name("links.sock")


@dataclass
class Links:
    """
    The links of one system; also the unit whose process holds them.

    Links are declared before that process starts, and `lead` adds more while it runs. What it
    is told it finds in its file again when it is restarted.
    """

    state: StateFolder
    ports: Ports
    seed: int = 0
    name: str = NAME
    kind: str = "links"
    service: str = ""
    places: dict[str, Place] = field(default_factory=dict)
    """By a key that is not used twice: a replica and the one that replaces it have links of one name."""

    def declare(self, name: str, target: Address, *, key: str = "") -> Address:
        """A link of this name that leads there; returns where it listens, which it keeps as long as it is known."""
        key = key or name
        port = self.ports.take(f"link {key}") if key not in self.places else self.places[key].listen[1]
        self.places[key] = Place(name, (LOOPBACK, port), (target.host, target.port))
        return Address(LOOPBACK, port)

    async def lead(self, name: str, target: Address, *, key: str) -> Address:
        """As `declare`, and open it now."""
        before = self.places.get(key)
        address = self.declare(name, target, key=key)
        if self.places[key] != before:
            self._write()
            await self._tell("add", **self.places[key].as_json())
        return address

    async def forget(self, key: str) -> None:
        """Close a link that nobody needs any more."""
        place = self.places.pop(key, None)
        if place is not None:
            self.ports.forget(f"link {key}")
            self._write()
            await self._tell("remove", listen=place.as_json()["listen"])

    async def _tell(self, verb: str, **arguments: object) -> None:
        """One that does not run finds it in its file when it starts."""
        control = LinkControl(socket_of(self.state))
        try:
            await control.ask(verb, **arguments)
        except OperationFailed as error:
            if error.id != "links.no-answer":
                raise
        finally:
            await control.close()

    def _write(self) -> None:
        doors = [place.as_json() for place in self.places.values()]
        content = {"control": str(socket_of(self.state)), "seed": self.seed, "doors": doors}
        self.state.save(CONFIGURATION, content, durable=False)

    # --- the unit --------------------------------------------------------------------------------

    async def prepare(self) -> None:
        self._write()

    def launch(self) -> Launch:
        file = self.state.path / f"{CONFIGURATION}.json"
        return Launch(argv=(sys.executable, "-m", MODULE, str(file)), cwd=self.state.path, stop_timeout=1.0)

    async def probe(self) -> Probe:
        """Ready when every link is open."""
        control = LinkControl(socket_of(self.state))
        try:
            open_ = await asyncio.wait_for(control.ask("list"), PROBE_LIMIT)
        except (OperationFailed, TimeoutError):
            return Probe(False, "no answer", answered=False)
        finally:
            await control.close()
        missing = {place.name for place in self.places.values()} - {each["name"] for each in open_}
        return Probe(not missing, f"not open yet: {', '.join(sorted(missing))}" if missing else "")

    def strays(self) -> list[int]:
        return []
