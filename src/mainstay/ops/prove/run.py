"""
A proof from its first word to its last: the story that `mainstay prove` tells.

    understand claims and journeys, make the evidence folder          (nothing is started yet)
    -> guard, twin                                                     (or the running system)
    -> each claim: ready? -> steady load -> faults -> ready again -> load -> final reading -> judged
       a claim that fails is shrunk to the fewest faults and the shortest time that still fail
    -> twin stopped, evidence written

Whatever ends it, what was injected is undone, what was started is stopped, and what was seen
is written.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from mainstay.base.errors import InvalidInput, MainstayError, OperationFailed
from mainstay.ops.prove import apart, calibration, plan, replay, schedule, system
from mainstay.ops.prove.claim import Claim, Result
from mainstay.ops.prove.evidence.folder import Folder
from mainstay.ops.prove.evidence.printed import FILE as PRINTED
from mainstay.ops.prove.evidence.printed import Printed
from mainstay.ops.prove.guard import GuardProcess
from mainstay.ops.prove.history import History
from mainstay.ops.prove.journeys import Source
from mainstay.ops.prove.judging import overload
from mainstay.ops.prove.plan import Options
from mainstay.ops.prove.progress import Progress
from mainstay.ops.prove.proof import Proof, surroundings
from mainstay.ops.prove.shrink import shrink
from mainstay.ops.prove.system import ProvedSystem
from mainstay.ops.prove.trial import Trial, applicable, rules_of
from mainstay.ops.prove.understanding import understand
from mainstay.ops.prove.verdict import Verdict
from mainstay.ops.topology.values import Topology


async def prove(
    topology: Topology,
    options: Options,
    progress: Callable[[Folder], Progress],
    *,
    argv: Sequence[str] = (),
) -> tuple[Proof, Folder]:
    """
    Try every chosen claim and write the evidence.

    Cancelling it ends the proof in order: what was seen until then is judged and written.

    Raises:
        InvalidInput: Something that a person wrote means nothing; nothing was started.
        OperationFailed: There is no place for evidence, the address is refused, or the system did not come up.
    """
    printed = Printed()
    try:
        with printed.instead_of_output():
            understood = understand(topology, options)
    except InvalidInput:
        # There will be no folder for it, and it may say what is wrong.
        sys.stderr.write(printed.early)
        raise
    claims = understood.claims
    # A schedule that was saved brings its own, and all that chance decides is drawn from it.
    options = replace(options, seed=understood.seed)
    if options.against:
        system.check_address(options.against, allowed=options.allow_remote)
    text = topology.file.read_text()
    began = datetime.now(UTC)
    folder = Folder.create(
        topology.folder, options.size, began, topology_text=text, evidence=options.evidence
    )
    proof = Proof(
        system=topology.name,
        url=options.against,
        size=options.size,
        seed=understood.seed,
        began=began,
        seconds=0.0,
        versions=surroundings(),
        topology_text=text,
        argv=("mainstay", *argv),
        results=[],
    )
    # The progress is made first: it keeps the output that journeys are about to lose.
    shown = progress(folder)
    run = _Run(topology, options, shown, folder, proof, understood.journeys, printed)
    with printed.instead_of_output():
        printed.into(folder.path / PRINTED)
        await run.all(claims)
    return proof, folder


@dataclass
class _Run:
    topology: Topology
    options: Options
    progress: Progress
    folder: Folder
    proof: Proof
    journeys: Source
    printed: Printed
    under_way: Result | None = None
    """Of the claim that is being tried."""

    async def all(self, claims: Sequence[Claim]) -> None:
        """
        Every claim in order; what goes wrong before the first was tried is raised once everything is written.

        Writing is done here and not in a thread: whatever else cuts this off then finds it done.
        """
        began = time.monotonic()
        self.progress.begin(len(claims), plan.estimate(claims))
        try:
            await self._try_all(claims)
        except asyncio.CancelledError as cut:
            self.proof.interrupted = str(cut) or "interrupted"
        except MainstayError as error:
            self.proof.interrupted = str(error).partition("\n")[0]
            if not self.proof.results:
                # It could not be told; 1 would say that a claim does not hold.
                error.exit_code = 2
                raise
        except Exception as error:
            self.proof.interrupted = f"{type(error).__name__}: {error}"
            raise
        finally:
            self.proof.seconds = time.monotonic() - began
            self.proof.printed = self.printed.size
            self.folder.write(self.proof)
            self.progress.end(self.proof, self.folder.path)
        if self.folder.was_removed:
            what = f"{self.folder.path} was removed while the proof ran, and with it what was seen"
            gone = OperationFailed(
                "prove.evidence-gone", what, "leave the folder alone until the proof has ended"
            )
            gone.exit_code = 2
            raise gone

    async def _try_all(self, claims: Sequence[Claim]) -> None:
        with GuardProcess.start() as guard:
            async with system.opened(self.topology, self.options, self.folder, guard, claims) as proved:
                self.proof.url = proved.url
                self.proof.versions = {**self.proof.versions, **proved.versions}
                # A system of which no load can be made is told before anything is tried.
                await self.journeys.fresh(proved.url)
                self.proof.notes = (*self.journeys.notes, *apart.warnings(await proved.events()))
                for note in self.proof.notes:
                    self.progress.note(note)
                try:
                    await self._try_each(claims, proved)
                finally:
                    self.proof.events = list(await proved.events())

    async def _try_each(self, claims: Sequence[Claim], proved: ProvedSystem) -> None:
        tried: Counter[str] = Counter()
        others = apart.services(await proved.events())
        for number, claim in enumerate(claims, 1):
            self.progress.claim(claim, number)
            self.printed.under(claim.name)
            # The second try of a claim may hit another replica than the first, and the same one every time.
            kind = claim.name.partition(".")[0]
            seed = self.proof.seed + tried[kind]
            if idle := apart.why_not(claim, self.topology, others):
                result = Result(claim, History(), not_run=idle)
            else:
                result = await self._try_to_its_end(claim, proved, seed)
            tried[kind] += 1
            self.proof.results.append(result)
            self.progress.done(result)
            if result.verdict is Verdict.FAIL and result.claim.strikes and self.options.shrink:
                await self._shrink(result, proved, seed)

    async def _try_to_its_end(self, claim: Claim, proved: ProvedSystem, seed: int) -> Result:
        """Cut off, it leaves what was seen until then, of which nothing is judged."""
        try:
            return await self._try(claim, proved, seed)
        except asyncio.CancelledError:
            if self.under_way is not None and self.under_way.history.operations:
                self.under_way.trouble = "cut off before its end"
                self.proof.results.append(self.under_way)
            raise
        finally:
            self.under_way = None

    async def _try(self, claim: Claim, proved: ProvedSystem, seed: int) -> Result:
        """One claim; where it is about a load that is too much, with higher peaks until one is."""
        result = await self._try_once(claim, proved, seed)
        for higher in overload.higher(claim):
            if not result.trouble.startswith(overload.NEVER):
                break
            result = await self._try_once(higher, proved, seed)
        return result

    async def _try_once(self, claim: Claim, proved: ProvedSystem, seed: int) -> Result:
        """With journeys of its own; whom it hits is decided by the seed alone."""
        if claim.source == calibration.CLAIM.source:
            self.progress.phase("steady", claim.steady + claim.after + calibration.STALL)
            with self.folder.open_history(claim) as stream:
                return await calibration.calibrate(claim, seed, stream)
        names = [str(row["name"]) for row in await proved.processes()]
        claim = replace(claim, strikes=schedule.resolve(claim.strikes, names, seed))
        journeys = await self.journeys.fresh(proved.url)
        with self.folder.open_history(claim) as stream, self.folder.open_held(claim) as held:
            trial = Trial(claim, proved, journeys, self.progress, seed, stream, held)
            self.under_way = trial.result
            return await trial.run()

    async def _shrink(self, result: Result, proved: ProvedSystem, seed: int) -> None:
        """
        Find less that still fails, and save it where ``--replay`` takes it from.

        The whole is saved first: whoever cuts the search off has that.
        """
        limit = plan.SHRINK_LIMITS[self.options.size]
        self.progress.phase("shrinking", limit)
        journeys = await self.journeys.fresh(proved.url)
        rules = tuple(applicable(result.claim, rules_of(result.claim, journeys), result.history))
        broken = _broken(result)

        def save(claim: Claim, note: str) -> None:
            held = self.journeys.answerable(claim, rules, journeys)
            self._save(result.claim, replace(claim, name=result.claim.name, holds=held), seed, note)

        save(result.claim, "not shrunk: the search for less was cut off")

        async def fails(claim: Claim) -> bool | None:
            """As the whole did: another rule that fails is another failure."""
            tried = await self._try(replace(claim, name=f"{result.claim.name}-shrunk"), proved, seed)
            if tried.verdict is Verdict.FAIL:
                return not broken.isdisjoint(_broken(tried))
            return False if tried.verdict is Verdict.PASS else None

        found = await shrink(result.claim, fails, seconds=limit, length=plan.length)
        save(found.claim, "; ".join(found.steps) or "nothing could be left out")

    def _save(self, failed: Claim, kept: Claim, seed: int, note: str) -> None:
        path = self.folder.claim(failed) / "replay.json"
        content = replay.to_json(replay.Replay(kept, seed, note))
        try:
            path.write_text(json.dumps(content, indent=2) + "\n")
        except OSError as error:
            self.folder.troubles.append(f"{path} was not written: {error.strerror or error}")


def _broken(result: Result) -> set[str]:
    """The rules of a run that failed."""
    return {each.rule for each in result.judgements if each.verdict is Verdict.FAIL}
