"""One claim, tried once: steady load, faults, ready again, load, final reading, judgement."""

from __future__ import annotations

import asyncio
import contextlib
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO

from mainstay.base.errors import MainstayError, OperationFailed
from mainstay.base.units import plural
from mainstay.ops.prove.claim import FROM_TOPOLOGY, Bite, Claim, Result
from mainstay.ops.prove.derived import NEVER_TWICE
from mainstay.ops.prove.faults import catalogue, schedule
from mainstay.ops.prove.faults.fault import NotPossible, Strike
from mainstay.ops.prove.history import History, Kind, Operation, Outcome, Phase
from mainstay.ops.prove.inside import unkeyed
from mainstay.ops.prove.judging.judge import judge
from mainstay.ops.prove.judging.overload import too_much, untried
from mainstay.ops.prove.judging.periods import LOADED, periods
from mainstay.ops.prove.judging.rules import parse
from mainstay.ops.prove.judging.vocabulary import KINDS, Rule, Unit
from mainstay.ops.prove.loading.journey import Journey
from mainstay.ops.prove.loading.load import Generator
from mainstay.ops.prove.loading.summary import STOOD_STILL, Summary
from mainstay.ops.prove.loading.watchdog import Stuck, Watchdog
from mainstay.ops.prove.progress import Progress
from mainstay.ops.prove.sampling import Sampler
from mainstay.ops.prove.system import ProvedSystem, SystemGone
from mainstay.ops.prove.verdict import Judgement, Verdict

LIVE_EVERY = 0.5
NOT_THE_LOAD = 0.25
"""Seconds by which steps may begin late, at the 99th percentile, before the load was another one."""

CALM_PATIENCE = 60.0
"""Seconds that the system may take to be ready before a claim, after whatever the one before did."""


class Trial:
    """Made for one claim; `run` it once. Whatever ends it, the load has ended and the faults are undone."""

    def __init__(
        self,
        claim: Claim,
        system: ProvedSystem,
        journeys: Sequence[Journey],
        progress: Progress,
        seed: int,
        stream: IO[str],
        held: IO[str] | None = None,
    ) -> None:
        self.claim = claim
        self.system = system
        self.progress = progress
        self.seed = seed
        self.history = History(stream=stream)
        self.result = Result(claim, self.history)
        self.rules = rules_of(claim, journeys)
        self._journeys = journeys
        self._is_stuck = False
        self._generator = Generator(journeys, claim.load, system.url, self.history, seed=seed)
        self._sampler = Sampler(system, held)
        self._readiness: Judgement | None = None

    async def run(self) -> Result:
        """
        Try it, and judge what was seen.

        Raises:
            asyncio.CancelledError: It was cut off; everything is undone.
            SystemGone: There is nothing left to try it on.
        """
        try:
            await self._try()
        except SystemGone:
            raise
        except NotPossible as lacking:
            self.result.not_run = str(lacking)
        except MainstayError as error:
            self.result.trouble = str(error)
        except Exception as error:
            self.result.trouble = _unforeseen("it came to an end", error)
        finally:
            with Watchdog(self._journeys):
                await self._generator.close()
        self.system.check_there()
        if self._is_stuck:
            # What failed meanwhile may be the journey's own doing.
            return self.result
        try:
            self._judge()
        except Exception as error:
            self.result.not_run = ""
            self.result.trouble = _unforeseen("it could not be judged", error)
        return self.result

    async def _try(self) -> None:
        """All that has to do with journeys; one that holds the loop for good is interrupted."""
        task = asyncio.current_task()
        watchdog = Watchdog(self._journeys)
        try:
            with watchdog:
                await self._prepare()
                async with self._watched():
                    await self._load()
                await self._phase("final", self._generator.final(), 30.0)
        except (Stuck, asyncio.CancelledError):
            if not watchdog.stuck:
                raise
            if task is not None:
                task.uncancel()
        if watchdog.stuck:
            self._is_stuck = True
            self.result.trouble = watchdog.stuck
            return
        self.result.figures |= await self.system.inside(self.history)

    # --- before ------------------------------------------------------------------------------

    async def _prepare(self) -> None:
        self.progress.phase("preparing", CALM_PATIENCE)
        await self.system.until_ready(CALM_PATIENCE, "before this claim")
        await self._generator.set_up()

    # --- under load ----------------------------------------------------------------------------

    async def _load(self) -> None:
        self._generator.start()
        patience: float | None = None
        try:
            await self._phase("steady", asyncio.sleep(self.claim.steady), self.claim.steady)
            if self.claim.strikes or self.claim.load.peak != 1:
                await self._phase("fault", self._faults(), self._length() + self.claim.patience)
            await self._phase("after", asyncio.sleep(self.claim.after), self.claim.after)
        except (asyncio.CancelledError, SystemGone):
            # Nobody will judge this, so no step is waited for.
            patience = 0.0
            raise
        finally:
            await self._generator.stop(patience)

    async def _faults(self) -> None:
        """Until they are over and everything is ready again; counts as a fault until then."""
        self._generator.surge(self._length())
        try:
            if self.claim.strikes:
                self.result.bites = await self._strikes()
            else:
                await asyncio.sleep(self._length())
        finally:
            self._generator.calm()
        if not self.claim.strikes:
            await self._generator.settled(self.claim.patience)
        await self._until_ready_again()

    async def _strikes(self) -> list[Bite]:
        """A fault that breaks by itself costs this claim, and none of the others."""
        try:
            return await schedule.run(self.claim.strikes, self.system.target, report=self._report)
        except (MainstayError, NotPossible):
            raise
        except Exception as error:
            raise OperationFailed(
                "prove.fault-broke", f"a fault could not be carried out: {type(error).__name__}: {error}"
            ) from error

    async def _until_ready_again(self) -> None:
        """That everything comes back by itself is part of every claim with a fault."""
        if not self.claim.strikes:
            return
        rule = f"ready-again <= {self.claim.patience:g} s"
        began = time.monotonic()
        try:
            await self.system.until_ready(self.claim.patience, "after the faults")
        except SystemGone:
            raise
        except OperationFailed as error:
            words = "; ".join(error.details) or error.what
            self._readiness = Judgement(rule, Verdict.FAIL, f"not ready: {words}", details=error.details)
        else:
            took = time.monotonic() - began
            self.result.figures["ready-again"] = took
            self._readiness = Judgement(rule, Verdict.PASS, f"{took:.2f} s after the faults", took)

    def _length(self) -> float:
        lasts = [strike.at + catalogue.duration(strike) for strike in self.claim.strikes]
        return max(lasts, default=0.0) if lasts else 2 * self.claim.steady

    def _report(self, strike: Strike, what: str) -> None:
        self.progress.strike(strike, what)

    async def _phase(self, name: str, work: Awaitable[None], seconds: float) -> None:
        self.progress.phase(name, seconds)
        began = time.monotonic()
        try:
            await work
        finally:
            self.history.add(Phase(name, began, time.monotonic()))

    @contextlib.asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """Progress and resource samples, for as long as the load is on."""
        tasks = [asyncio.create_task(self._show()), asyncio.create_task(self._sampler.run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _show(self) -> None:
        while True:
            await asyncio.sleep(LIVE_EVERY)
            live = self._generator.live()
            told = {
                "rate": "rate",
                "p99": "p99",
                "ok": "all.ok",
                "fail": "all.fail",
                "unknown": "all.unknown",
            }
            self.progress.live({name: live[key] for name, key in told.items()})

    # --- afterwards ------------------------------------------------------------------------------

    def _judge(self) -> None:
        if self.result.not_run:
            return
        summary = self._generator.summary()
        self.result.figures |= summary.figures
        rules = applicable(self.claim, self.rules, self.history)
        if self.history.operations:
            self.result.idle = tuple(rule for rule in self.rules if rule not in rules)
        unread = {each.journey for each in summary.raised if each.where == "final"}
        judge(self.result, rules, samples=self._sampler.samples, unread=unread)
        self.result.judgements = [fair(each, summary) for each in self.result.judgements]
        if self._readiness is not None:
            self.result.judgements.append(self._readiness)
        if not self.result.trouble:
            self.result.trouble = untold(summary) or unseen(self.result) or untried(self.result)
        self.result.notes = tuple(note for note in summary.notes if note not in self.result.trouble)
        if self.result.verdict is Verdict.PASS:
            self.result.notes = tuple(
                summary.harmless if note == summary.bottleneck else note for note in self.result.notes
            )
        if self.claim.overload and (shown := too_much(self.result)):
            self.result.notes += (f"{self.claim.load.peak:g} times the load was too much: {shown}",)
        self.result.not_run = unmet(self.result) or unasked(self.result, rules)


def _unforeseen(what: str, error: Exception) -> str:
    """A defect of the prover, or something that no journey may do: the claim is unknown, and where it was is told."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(last.filename).name}, line {last.lineno}"
    return f"{what}: {type(error).__name__}: {error} ({place})"


def untold(summary: Summary) -> str:
    """Why nothing at all can be said: a journey raised, or the load was not the one that was asked for."""
    lost = [summary.bottleneck] if summary.is_late and summary.late_p99 > NOT_THE_LOAD else []
    stood_still = [summary.bottleneck] if summary.stall_worst > STOOD_STILL else []
    missing = [f"{plural(summary.never_begun, 'step')} due never began"] if summary.never_begun else []
    return "; ".join([*map(str, summary.raised), *(lost or stood_still), *missing])


def unseen(result: Result) -> str:
    """Why a claim that came by itself shows nothing: no request ended well, or none was made."""
    loaded = _loaded(result.history)
    if result.claim.source != FROM_TOPOLOGY or any(each.outcome is Outcome.OK for each in loaded):
        return ""
    return "no request of any journey ended well" if loaded else "no journey made a request"


def unmet(result: Result) -> str:
    """
    Why a claim that came by itself says nothing here: its fault was in place, and the load never met it.

    It is made without knowing what the journeys do. Who wrote a claim is told *unknown* instead.
    """
    idle = [bite.evidence.what for bite in result.bites if bite.evidence.idle]
    if not idle or len(idle) < len(result.bites) or not _is_untroubled(result):
        return ""
    return f"the load never met the fault: {idle[0]}"


def unasked(result: Result, rules: Sequence[str]) -> str:
    """Why a claim that came by itself says nothing here: none of its own rules is about what the journeys do."""
    own = result.claim.holds
    if not own or not set(own).isdisjoint(rules) or not _is_untroubled(result):
        return ""
    return f"no journey does what it is about: {', '.join(own)}"


def _is_untroubled(result: Result) -> bool:
    """Whether *not run* hides nothing: a failure, trouble and what could not be told are said first."""
    open_ = any(each.verdict in (Verdict.FAIL, Verdict.UNKNOWN) for each in result.judgements)
    return result.claim.source == FROM_TOPOLOGY and not result.trouble and not open_


def fair(judgement: Judgement, summary: Summary) -> Judgement:
    """
    The same judgement, unless it blames the system for the generator's own lateness.

    Latency counts from when a step was due, so lateness can only make it longer: what passes,
    passes all the same. What fails by less than the generator was late is unknown; so is what passes
    by less beside the steady latency, as that may have been the longer one.
    """
    if judgement.value is None or not summary.is_late:
        return judgement
    rule, late = parse(judgement.rule), summary.late_worst
    if judgement.verdict is Verdict.FAIL:
        doubted = {Unit.SECONDS: rule.holds(judgement.value - late), Unit.TIMES_STEADY: True}
    elif judgement.verdict is Verdict.PASS:
        added = rule.metric.startswith("added.")
        doubted = {
            Unit.SECONDS: added and not rule.holds(judgement.value + late),
            Unit.TIMES_STEADY: True,
        }
    else:
        return judgement
    if not doubted.get(rule.unit, False):
        return judgement
    found = f"{judgement.found}; {summary.bottleneck}"
    return replace(judgement, verdict=Verdict.UNKNOWN, found=found)


def rules_of(claim: Claim, journeys: Sequence[Journey]) -> tuple[str, ...]:
    """What must hold: the claim's own rules, and those of every journey that takes part."""
    taking_part = [each for each in journeys if not claim.load.only or each.name in claim.load.only]
    return tuple(dict.fromkeys([*claim.holds, *(rule for each in taking_part for rule in each.rules)]))


def applicable(claim: Claim, texts: Sequence[str], history: History) -> list[str]:
    """
    Of a claim that came by itself, the rules that have something to look at.

    It is made without knowing what the journeys do: where they only read, it says nothing of
    writes. Whoever wrote a rule is told *unknown* instead.
    """
    if claim.source != FROM_TOPOLOGY:
        return list(texts)
    kinds = {operation.kind for operation in _loaded(history)}
    return [text for text in texts if text not in claim.holds or _looks_at(parse(text), kinds, history)]


def _loaded(history: History) -> list[Operation]:
    """What the journeys did under load, without how they prepared it and read back."""
    phases = periods(history)
    return [each for each in history.operations if phases.name(each.due) in LOADED]


def _looks_at(rule: Rule, kinds: set[Kind], history: History) -> bool:
    if rule.metric in ("first-write", "writable"):
        return bool(kinds - {"get"})
    if str(rule) == NEVER_TWICE:
        return bool(unkeyed(history))
    return rule.scope not in KINDS or rule.scope in kinds
