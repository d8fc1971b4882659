"""
A bad release, rolled out: it crashes at its start, answers with errors, or is slow.

What is rolled out is the service's own application behind the module in the folder ``release``;
the twin's ``twin.json`` says so, and is put back afterwards.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mainstay.base.errors import OperationFailed
from mainstay.ops.prove.faults.fault import Evidence, NotPossible, Strike, Target
from mainstay.ops.prove.faults.kind import FaultKind, Setting, Settings
from mainstay.ops.supervise.twin import STATE, Twin
from mainstay.ops.topology.values import Service

FOLDER = Path(__file__).with_name("release")
APPLICATION = "mainstay_bad_release:application"
TALLY = "bad-release.tally"


class BadRelease:
    def __init__(self, strike: Strike, settings: Settings, target: Target) -> None:
        self.target, self.name, self.settings = target, strike.target, settings
        self.variant = str(settings["variant"])
        self._tally = target.folder / f"{self.name}.{TALLY}"
        self._before: Own | None = None
        self._promise: int | None = None
        self._served = False
        """Whether the bad one may be rolled out: so it is from the moment at which that was asked for."""
        self._refusal: OperationFailed | None = None
        self._back = ""

    async def inject(self) -> None:
        twin = twin_of(self.target)
        self._tally.unlink(missing_ok=True)
        self._promise = self.target.guard.promise(as_it_was(twin))
        service = self.target.topology.service(self.name)
        self._before = changed(
            twin, self.name, {"application": APPLICATION, "env": self._environment(service)}
        )
        self._served = True
        try:
            await self.target.call("rollout", name=self.name)
        except OperationFailed as error:
            self._refusal, self._served = error, error.id != "rollout.halted"

    def _environment(self, service: Service) -> dict[str, str]:
        return {
            "PYTHONPATH": joined(FOLDER, service.env.get("PYTHONPATH", "")),
            "MAINSTAY_BAD_RELEASE": self.variant,
            "MAINSTAY_BAD_RELEASE_SHARE": f"{self.settings['share']:g}",
            "MAINSTAY_BAD_RELEASE_FACTOR": f"{self.settings['factor']:g}",
            "MAINSTAY_BAD_RELEASE_OF": service.application,
            "MAINSTAY_BAD_RELEASE_TALLY": str(self._tally),
        }

    async def undo(self) -> None:
        if self._before is None:
            return
        restore(twin_of(self.target), self.name, self._before)
        self._before = None
        if self._promise is not None:
            self.target.guard.release(self._promise)
            self._promise = None
        if self._served:
            self._served = False
            await self.target.call("rollout", name=self.name)

    async def evidence(self) -> Evidence:
        if self.variant == "crash":
            return self._halted()
        if self._refusal is not None:
            return Evidence(False, f"the release was not rolled out: {self._refusal.what}")
        spoiled = self._tally.stat().st_size if self._tally.exists() else 0
        what = "were errors" if self.variant == "errors" else "were late"
        return Evidence(spoiled > 0, f"{spoiled} answers of the bad release of {self.name} {what}")

    def _halted(self) -> Evidence:
        refusal = self._refusal
        if refusal is None:
            return Evidence(False, f"the rolling update of {self.name} went through although it crashes")
        if not self._tally.exists():
            # It makes that file before it crashes; an update can be halted for another reason, too.
            return Evidence(False, f"the bad release never started: {refusal.what}")
        return Evidence(refusal.id == "rollout.halted", f"the rolling update was halted: {refusal.what}")


def twin_of(target: Target) -> Twin:
    """
    The twin whose declaration may be changed.

    Raises:
        NotPossible: The system is the user's own, whose file is not to be touched.
    """
    twin = Twin(target.folder.parent)
    if target.folder.name != STATE or not twin.file.is_file():
        raise NotPossible("another release can only be rolled out to a twin, not to the running system")
    return twin


def as_it_was(twin: Twin) -> dict[str, Any]:
    """The promise to put the whole file back; kept only when nobody is left to put back less."""
    return {"kind": "write", "path": str(twin.file), "text": twin.file.read_text()}


@dataclass(frozen=True, slots=True)
class Own:
    """What one fault changed in the declaration of a service, as it was before; absent keys are absent here."""

    keys: tuple[str, ...]
    variables: tuple[str, ...]
    before: Mapping[str, Any]


def changed(twin: Twin, service: str, changes: Mapping[str, Any]) -> Own:
    """Let a service of a twin differ in more ways from its next rolling update on; `restore` takes it back."""
    content = json.loads(twin.file.read_text())
    before = content.setdefault("services", {}).get(service, {})
    env = {**before.get("env", {}), **changes.get("env", {})}
    content["services"][service] = {**before, **changes, "env": env}
    twin.write(content)
    return Own(tuple(key for key in changes if key != "env"), tuple(changes.get("env", {})), before)


def restore(twin: Twin, service: str, own: Own) -> None:
    """Put back what one fault changed, and nothing that another did meanwhile."""
    content = json.loads(twin.file.read_text())
    known = content["services"][service]
    _put_back(known, own.before, own.keys)
    _put_back(known.setdefault("env", {}), own.before.get("env", {}), own.variables)
    twin.write(content)


def _put_back(there: dict[str, Any], before: Mapping[str, Any], names: Iterable[str]) -> None:
    for name in names:
        there.pop(name, None)
        if name in before:
            there[name] = before[name]


def joined(first: Path, path: str) -> str:
    return os.pathsep.join([str(first), *([path] if path else [])])


KINDS = (
    FaultKind(
        "bad-release",
        "a release that crashes, errs or is slow is rolled out, and the good one again",
        BadRelease,
        ("service",),
        (
            Setting("variant", "crash", "what is wrong with it", one_of=("crash", "errors", "slow")),
            Setting("share", 0.05, "share of the answers that become a 500", most=1.0),
            Setting("factor", 3.0, "how many times as long an answer takes", least=1.0, most=100.0),
        ),
        needs="a twin",
        lasts=5.0,
        brief=True,
    ),
)
