"""What the control socket understands: looking, stopping, and the planned changes of `rollout`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mainstay.base.errors import OperationFailed, nearest
from mainstay.ops.supervise.dependencies import dependencies
from mainstay.ops.supervise.rollout import Rollout
from mainstay.ops.supervise.status import snapshot

if TYPE_CHECKING:
    from mainstay.ops.supervise.system import System


def verbs(system: System) -> Mapping[str, Any]:
    """Each verb by its name."""
    looking, rollout = _Verbs(system), Rollout(system)
    return {
        "status": looking.status,
        "down": looking.down,
        "restart": rollout.restart,
        "scale": rollout.scale,
        "rollout": rollout.rollout,
        "environment": looking.environment,
    }


class _Verbs:
    def __init__(self, system: System) -> None:
        self._system = system

    async def status(self, request: Mapping[str, Any]) -> dict[str, Any]:
        told = snapshot(self._system, memory=bool(request.get("memory")))
        if request.get("dependencies"):
            known = await dependencies(self._system.processes)
            for row in told["processes"]:
                if row["name"] in known:
                    row["dependencies"] = known[row["name"]]
        return told

    async def down(self, _: Mapping[str, Any]) -> dict[str, Any]:
        self._system.wanted_down.set()
        return {"pid": os.getpid()}

    async def environment(self, request: Mapping[str, Any]) -> dict[str, Any]:
        system = self._system
        if not system.assembled:
            raise OperationFailed("system.not-ready", f"the system is {system.phase}")
        name, known = str(request["service"]), [service.name for service in system.topology.services]
        if name not in known:
            raise OperationFailed(
                "system.unknown-name",
                f"there is no service {name!r} here",
                hint=nearest(name, known) or f"known: {', '.join(known)}",
            )
        return system.assembly.manage_environment(name)
