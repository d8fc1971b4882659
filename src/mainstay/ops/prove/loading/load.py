"""
Open-loop load: steps begin on schedule, whether or not earlier ones have ended.

So a stall is counted in full, as every caller would see it, and not hidden by a client
that waits (*coordinated omission*, Gil Tene, "How NOT to measure latency"). The generator
watches itself as well: how late steps began, how long its event loop stood still and
which journey held it up, and how much of a core it took.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from mainstay.base.errors import InvalidInput, OperationFailed, Problem, nearest
from mainstay.ops.prove.claim import Load
from mainstay.ops.prove.history import History, Operation, Outcome
from mainstay.ops.prove.loading.arrivals import Pace, choices
from mainstay.ops.prove.loading.client import Client, Recorder, UnexpectedAnswer
from mainstay.ops.prove.loading.http import LIMIT, Http
from mainstay.ops.prove.loading.journey import A_COUNT, Journey, is_count
from mainstay.ops.prove.loading.summary import Blocked, Raised, Summary, percentile
from mainstay.ops.prove.loading.watch import quiet_collector, timed, told
from mainstay.ops.prove.loading.watchdog import Stuck

STEP_LIMIT = 60.0
"""Seconds after which a step is cut; longer than a caller repeats."""

FINAL_LIMIT = 180.0
"""Seconds that one journey may take to read everything back."""

MOST = 1000
"""Steps under way at once. Each may hold a connection, so it is less where few files may be open."""

BEAT = 0.02
"""Seconds between two looks at whether the event loop still turns."""

LIVE = 2.0
"""Seconds of the past that `Generator.live` looks at."""


LEAVING = (Exception, SystemExit, asyncio.CancelledError)
"""What a journey may raise without ending the proof."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One step that is due."""

    number: int
    """Among the arrivals of its journey, from 0."""
    due: float


@dataclass(slots=True)
class Lane:
    """A journey, and what became of its steps."""

    journey: Journey
    client: Client
    most: int
    arrivals: int = 0
    running: int = 0
    waiting: deque[Arrival] = field(default_factory=deque)
    cut: int = 0
    raised: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    blocks: list[float] = field(default_factory=list)

    def raises(self, where: str, error: BaseException) -> None:
        """Count it, and keep the first in full."""
        self.raised[where] += 1
        if where not in self.first:
            self.first[where] = told(error)


class Generator:
    """
    Load of several journeys on one system, for one claim.

    In this order: `set_up`, `start`, then `surge` and `calm` as the faults come and go,
    `stop`, `final`, `close`. `live` and `summary` may be asked at any time.
    """

    def __init__(
        self,
        journeys: Sequence[Journey],
        load: Load,
        base: str,
        history: History,
        *,
        seed: int = 0,
        limit: float = LIMIT,
        step_limit: float = STEP_LIMIT,
        most: int = MOST,
        keep_alive: bool = False,
        arrivals: type[Pace] = Pace,
    ) -> None:
        """
        Args:
            limit: Seconds to wait for an answer.
            keep_alive: Use connections again; by default every request has its own.
            arrivals: How they are spaced; evenly, unless another kind of `Pace` is given.

        Raises:
            InvalidInput: The load names journeys that do not exist, or there are none.
        """
        self.history = history
        self.seed = seed
        self.step_limit = step_limit
        self.most = min(most, _open_files() // 2)
        self._http = Http(base, limit=limit, keep_alive=keep_alive)
        self._recorder = recorder = Recorder(history)
        self._lanes = [
            Lane(each, Client(self._http, recorder, each.name), each.at_once or self.most)
            for each in chosen(journeys, load)
        ]
        self._load = load
        self._arrivals = arrivals
        self._pace = arrivals.of(load, 0.0)
        self._began = self._stopped = self._ended = 0.0
        self._is_cut = False
        self._cpu_began = self._cpu_used = 0.0
        self._late: list[float] = []
        self._stalls: list[float] = []
        self._held = 0
        self._running: dict[asyncio.Task[None], float] = {}
        self._background: list[asyncio.Task[None]] = []
        self._wake: asyncio.Future[None] | None = None
        self._stopping = False
        self._collector = contextlib.ExitStack()

    # --- the run ---------------------------------------------------------------------

    async def set_up(self) -> None:
        """
        Every journey's own, one after the other.

        Raises:
            OperationFailed: One of them raised, or did not end.
        """
        for lane in self._lanes:
            try:
                async with asyncio.timeout(self.step_limit):
                    await lane.journey.set_up(lane.client)
            except LEAVING as error:
                if is_cut_off(error):
                    raise
                raise OperationFailed(
                    "prove.journey-set-up",
                    f"the set_up of journey {lane.journey.name!r} did not work, so no load was put on",
                    "it runs before any fault; make it work against the calm system",
                    details=tuple(told(error).splitlines()),
                ) from error

    def start(self) -> None:
        """The first step is due now."""
        self._collector.enter_context(quiet_collector())
        self._began = time.monotonic()
        self._pace = self._arrivals.of(self._load, self._began)
        self._cpu_began = time.process_time()
        self._background = [asyncio.create_task(self._arrive()), asyncio.create_task(self._watch())]

    def surge(self, over: float) -> None:
        """Faults begin, for about ``over`` seconds: the load takes its shape."""
        self._pace = self._pace.surge(time.monotonic(), over)
        self._look_again()

    def calm(self) -> None:
        """The faults are over: the load is as before."""
        self._pace = self._pace.calm(time.monotonic())
        self._look_again()

    async def settled(self, within: float) -> None:
        """Until every step that is due by now has ended, or so many seconds are over."""
        now = time.monotonic()
        while self._running and self._is_behind(now) and (left := now + within - time.monotonic()) > 0:
            await asyncio.wait(self._running, timeout=left, return_when=asyncio.FIRST_COMPLETED)

    def _is_behind(self, moment: float) -> bool:
        waiting = any(lane.waiting and lane.waiting[0].due <= moment for lane in self._lanes)
        return waiting or any(due <= moment for due in self._running.values())

    async def stop(self, patience: float | None = None) -> None:
        """No more steps; wait for those under way, and cut what has not ended after ``patience`` seconds."""
        if not self._background:
            return
        self._stopping = True
        self._stopped = time.monotonic()
        self._look_again()
        await self._background[0]
        until = time.monotonic() + (self.step_limit if patience is None else patience)
        while self._running and time.monotonic() < until:
            await asyncio.wait(
                self._running, timeout=until - time.monotonic(), return_when=asyncio.FIRST_COMPLETED
            )
        self._ended = time.monotonic()
        self._cpu_used = time.process_time() - self._cpu_began
        await self._cut_all()
        self._collector.close()

    async def final(self) -> None:
        """Every journey's own, one after the other; what raises makes the result unknown."""
        for lane in self._lanes:
            try:
                async with asyncio.timeout(max(FINAL_LIMIT, self._ended - self._began)):
                    await lane.journey.final(lane.client.begin(f"{lane.journey.name}-final"))
            except LEAVING as error:
                if is_cut_off(error):
                    raise
                lane.raises("final", error)

    async def close(self) -> None:
        """End everything at once, whatever the state; more than once is fine."""
        self._stopping = True
        await self._cut_all()
        self._collector.close()
        self._http.close()
        for lane in self._lanes:
            try:
                lane.journey.close()
            except (*LEAVING, Stuck) as error:
                lane.raises("close", error)

    # --- what it says ----------------------------------------------------------------

    def live(self) -> dict[str, float]:
        """
        ``rate``, ``ok``, ``failed``, ``unknown`` (per second), ``p50``, ``p99`` (seconds) of just now.

        ``all.ok``, ``all.fail`` and ``all.unknown`` count the operations of the whole run.
        """
        now = time.monotonic()
        recent: list[Operation] = []
        for operation in reversed(self.history.operations):
            if operation.ended < now - LIVE:
                break
            recent.append(operation)
        latencies = sorted(each.latency for each in recent)
        span = min(LIVE, max(now - self._began, 0.1))
        outcomes = Counter(each.outcome for each in recent)
        return {
            "rate": len(recent) / span,
            "ok": outcomes[Outcome.OK] / span,
            "failed": outcomes[Outcome.FAIL] / span,
            "unknown": outcomes[Outcome.UNKNOWN] / span,
            "p50": percentile(latencies, 0.5),
            "p99": percentile(latencies, 0.99),
            **{f"all.{outcome}": float(self._recorder.outcomes[outcome]) for outcome in Outcome},
        }

    def summary(self) -> Summary:
        """Of the load so far, or of the whole once it was stopped."""
        late = sorted(self._late)
        now = time.monotonic()
        end = self._stopped or now
        latencies = sorted(each.latency for each in self.history.operations if self._began <= each.due <= end)
        cpu = self._cpu_used or time.process_time() - self._cpu_began
        return Summary(
            arrivals=sum(lane.arrivals for lane in self._lanes),
            seconds=end - self._began,
            late_p50=percentile(late, 0.5),
            late_p99=percentile(late, 0.99),
            late_worst=late[-1] if late else 0.0,
            stall_worst=max(self._stalls, default=0.0),
            cpu=cpu / max((self._ended or now) - self._began, 1e-9),
            latency_p99=percentile(latencies, 0.99),
            held=self._held,
            most=self.most,
            never_begun=sum(len(lane.waiting) for lane in self._lanes),
            cut={lane.journey.name: lane.cut for lane in self._lanes if lane.cut},
            raised=tuple(
                Raised(lane.journey.name, where, count, lane.first[where])
                for lane in self._lanes
                for where, count in lane.raised.items()
            ),
            blocked=tuple(
                Blocked(lane.journey.name, len(lane.blocks), max(lane.blocks))
                for lane in self._lanes
                if lane.blocks
            ),
        )

    # --- how it works ----------------------------------------------------------------

    async def _arrive(self) -> None:
        draw = choices([lane.journey.weight for lane in self._lanes], self.seed)
        last = due = self._began
        while True:
            while (early := due - time.monotonic()) > 0:
                if self._stopping:
                    return
                pace = self._pace
                await self._sleep(early)
                if self._pace is not pace:
                    due = self._pace.next(last)
            if self._stopping and due > self._stopped:
                return  # the machine stood still meanwhile, and the load ended before this was due
            self._arrived(self._lanes[next(draw)], due)
            last, due = due, self._pace.next(due)

    async def _sleep(self, seconds: float) -> None:
        """Until then, or until the pace changes."""
        loop = asyncio.get_running_loop()
        self._wake = wake = loop.create_future()
        timer = loop.call_later(seconds, self._look_again)
        await wake
        timer.cancel()

    def _look_again(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _arrived(self, lane: Lane, due: float) -> None:
        arrival = Arrival(lane.arrivals, due)
        lane.arrivals += 1
        if self._has_room(lane):
            self._begin(lane, arrival)
        else:
            self._held += 1
            lane.waiting.append(arrival)

    def _has_room(self, lane: Lane) -> bool:
        return lane.running < lane.most and len(self._running) < self.most

    def _begin(self, lane: Lane, arrival: Arrival, *, held: bool = False) -> None:
        lane.running += 1
        task = asyncio.create_task(self._step(lane, arrival, held))
        self._running[task] = arrival.due
        task.add_done_callback(lambda done: self._done(lane, done))

    def _done(self, lane: Lane, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        lane.running -= 1
        if not task.cancelled() and (error := task.exception()) is not None:
            lane.raises("step", error)
        waiting = [each for each in self._lanes if each.waiting and self._has_room(each)]
        if waiting and not (self._ended or self._is_cut):
            first = min(waiting, key=lambda each: each.waiting[0].due)
            self._begin(first, first.waiting.popleft(), held=True)

    async def _step(self, lane: Lane, arrival: Arrival, held: bool) -> None:
        if not held:
            self._late.append(time.monotonic() - arrival.due)
        client = lane.client.begin(f"{lane.journey.name}-{arrival.number}", self._counts_from(arrival))
        limit = asyncio.timeout(self.step_limit)
        try:
            async with limit:
                await timed(lane.journey.step(client, arrival.number), lane.blocks.append)
        except UnexpectedAnswer:
            pass
        except LEAVING as error:
            if is_cut_off(error):
                raise
            if limit.expired():
                lane.cut += 1
            else:
                lane.raises("step", error)

    def _counts_from(self, arrival: Arrival) -> float:
        """The moment from which latency counts: when the step was due, whenever it was sent."""
        return arrival.due

    async def _watch(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(BEAT)
            self._stalls.append(time.monotonic() - began - BEAT)

    async def _cut_all(self) -> None:
        """A step that does not let itself be cut is left behind; none that waited for its end begins now."""
        self._is_cut = True
        tasks = [*self._background, *self._running]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)


def is_cut_off(error: BaseException) -> bool:
    """Whether this task was cancelled from outside; a journey can raise the same by itself."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def chosen(journeys: Sequence[Journey], load: Load) -> list[Journey]:
    """
    The journeys that a load asks for.

    Raises:
        InvalidInput: It names one that does not exist, or none is left.
    """
    known = [each.name for each in journeys]
    problems = [
        Problem(
            "prove.journey-unknown", "load", "journeys", "a journey: " + ", ".join(known), repr(name), hint
        )
        for name in load.only
        if name not in known
        for hint in [nearest(name, known)]
    ]
    problems += [
        Problem("prove.journey-at-once", "load", f"{each.name}.at_once", A_COUNT, repr(each.at_once))
        for each in journeys
        if not is_count(each.at_once)
    ]
    if not journeys:
        problems.append(Problem("prove.journey-none", "load", "journeys", "at least one journey", "none"))
    if problems:
        raise InvalidInput(problems)
    return [each for each in journeys if not load.only or each.name in load.only]


def _open_files() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
