"""
Overload in simulated time: which way of moving the limit keeps the work done, and the wait short.

A replica is a number of cores shared by all that is worked on, and a time that each request waits for
something else, such as a database. Arrivals are a Poisson process; nobody repeats, unless asked for. The same seeds for
every algorithm. ``python -m bench.overload`` prints the tables of docs/decisions/0013.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import quantiles

from mainstay.base.criticality import Criticality
from mainstay.http.admission import Admission, Aimd, Fixed, Gradient, Limit, Ticket

ROOM = 128
DEADLINE = 5.0
BIN = 0.5
GIVE_UP = 30.0
"""Seconds after which a caller who was refused again and again comes no more."""
BACKOFF_CEILING = 2.0


@dataclass(frozen=True, slots=True)
class Replica:
    """What one request needs, in seconds, and how many can be computed at once."""

    name: str
    cores: float
    compute: float
    wait: float
    refusal: float = 0.0
    """Seconds of a core that saying no costs."""
    tail: float = 0.0
    """Sigma of a log-normal spread of both; without it they lie evenly within 30 % of what is said here."""
    quick: float = 0.0
    """The share of requests that need next to nothing, as where a cache has the answer."""
    elsewhere: bool = False
    """Whether a database computes, for which the process only waits."""

    @property
    def capacity(self) -> float:
        """Requests a second at the most."""
        return self.cores / self.compute

    def draw(self, chance: random.Random) -> tuple[float, float]:
        """Seconds that one request computes and waits."""
        if self.quick and chance.random() < self.quick:
            return self.compute / 100, self.wait / 100
        return self._spread(self.compute, chance), self._spread(self.wait, chance)

    def _spread(self, mean: float, chance: random.Random) -> float:
        if self.tail:
            return mean * chance.lognormvariate(-(self.tail**2) / 2, self.tail)
        return mean * chance.uniform(0.7, 1.3)


@dataclass(frozen=True, slots=True)
class Phase:
    """Seconds of load at so many times the capacity."""

    seconds: float
    factor: float


STEP = (Phase(10, 0.5), Phase(20, 3.0), Phase(10, 0.5))


@dataclass(slots=True)
class Outcome:
    """What became of the requests of one run."""

    done: list[tuple[float, float, Criticality]] = field(default_factory=list)
    """Arrival, seconds to the answer, level."""
    refused: list[tuple[float, Criticality]] = field(default_factory=list)
    limits: list[tuple[float, float]] = field(default_factory=list)

    def rate(self, begin: float, end: float) -> float:
        """Answers a second, by the moment of the answer."""
        return sum(begin <= at + took < end for at, took, _ in self.done) / (end - begin)

    def p99(self, begin: float, end: float) -> float:
        took = [seconds for at, seconds, _ in self.done if begin <= at < end]
        return quantiles(took, n=100)[98] if len(took) > 1 else 0.0

    def success(self, level: Criticality, begin: float, end: float) -> float:
        done = sum(begin <= at < end and each is level for at, _, each in self.done)
        refused = sum(begin <= at < end and each is level for at, each in self.refused)
        return done / (done + refused) if done + refused else 1.0

    def settled(self, begin: float, end: float, usual: float) -> float:
        """Seconds after ``begin`` until each half second has a p99 of at most twice the usual one."""
        last = begin
        at = begin
        while at + BIN <= end:
            if self.p99(at, at + BIN) > 2 * usual or any(at <= each < at + BIN for each, _ in self.refused):
                last = at + BIN
            at += BIN
        return last - begin


@dataclass(slots=True)
class _Request:
    arrived: float
    level: Criticality
    compute: float
    wait: float
    begun: float = 0.0
    first: float = 0.0
    """When its caller came for the first time."""
    attempt: int = 1


class Simulation:
    """One run; all time is virtual. Computing is shared equally among all who compute."""

    def __init__(
        self,
        replica: Replica,
        limit: Limit,
        phases: Sequence[Phase],
        seed: int,
        levels: Callable[[random.Random], Criticality] = lambda _: Criticality.CRITICAL,
        returning: Callable[[Admission], float] | None = None,
    ) -> None:
        """``returning`` says how long the refused are asked to stay away; without it nobody comes again."""
        self._returning = returning
        self.now = 0.0
        self.outcome = Outcome()
        self.replica = replica
        """Another one from some moment on is a service that has become slower, or quicker."""
        self._random = random.Random(seed)
        self._levels = levels
        self._phases = phases
        mode = "off" if isinstance(limit, Fixed) else "on"
        most = int(limit.value) if isinstance(limit, Fixed) else ROOM
        self.admission = Admission(limit, most, ROOM, mode, clock=lambda: self.now)
        self._computing: dict[int, tuple[_Request, float]] = {}
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._debt = 0.0
        self._computed = 0.0
        if isinstance(limit, Aimd | Gradient):
            limit.opening.processor = lambda: self._computed

    def run(self) -> Outcome:
        begin = 0.0
        for phase in self._phases:
            at = begin
            while phase.factor and (at := at + self._gap(phase)) < begin + phase.seconds:
                self.at(at, self._arrive)
            begin += phase.seconds
        while self._events or self._computing:
            self._step()
        return self.outcome

    def _gap(self, phase: Phase) -> float:
        return self._random.expovariate(phase.factor * self.replica.capacity)

    def at(self, when: float, what: Callable[[], None]) -> None:
        """Do this at that moment of the run."""
        self._number += 1
        heapq.heappush(self._events, (when, self._number, what))

    def _step(self) -> None:
        speed = min(1.0, self.replica.cores / max(len(self._computing), 1))
        first = min(self._computing, key=lambda key: self._computing[key][1], default=None)
        ready = (
            self.now + self._debt + self._computing[first][1] / speed if first is not None else float("inf")
        )
        if self._events and self._events[0][0] <= ready:
            when, _, what = heapq.heappop(self._events)
            self._pass(when - self.now, speed)
            self.now = when
            what()
        elif first is not None:
            self._pass(ready - self.now, speed)
            self.now = ready
            request, _ = self._computing.pop(first)
            self.at(self.now + request.wait, lambda: self._finish(request))

    def _pass(self, seconds: float, speed: float) -> None:
        """Refusals are paid for first; what is left of the time is shared."""
        paid = min(self._debt, seconds)
        self._debt -= paid
        if not self.replica.elsewhere:
            self._computed += paid + (seconds - paid) * min(len(self._computing), self.replica.cores)
        work = (seconds - paid) * speed
        for key, (request, left) in self._computing.items():
            self._computing[key] = (request, left - work)

    def _arrive(self, first: float | None = None, attempt: int = 1) -> None:
        compute, wait = self.replica.draw(self._random)
        request = _Request(self.now, self._levels(self._random), compute, wait)
        request.first, request.attempt = self.now if first is None else first, attempt
        wake = _Wake(self, request)
        verdict = self.admission.enter("/", lambda _: request.level, self.now + DEADLINE, lambda: wake)
        if verdict is True:
            self._begin(request)
        elif isinstance(verdict, Ticket):
            wake.ticket = verdict
            self.at(verdict.until, wake.expire)
        else:
            self._refuse(request)

    def _begin(self, request: _Request) -> None:
        request.begun = self.now
        self._number += 1
        self._computing[self._number] = (request, request.compute)

    def _refuse(self, request: _Request) -> None:
        self._debt += self.replica.refusal
        self.outcome.refused.append((request.arrived, request.level))
        if self._returning is None:
            return
        jitter = self._random.uniform(0.0, min(0.1 * 2.0 ** (request.attempt - 1), BACKOFF_CEILING))
        again = self.now + max(self._returning(self.admission), jitter)
        if again <= request.first + GIVE_UP:
            self.at(again, lambda: self._arrive(request.first, request.attempt + 1))

    def _finish(self, request: _Request) -> None:
        self.outcome.done.append((request.arrived, self.now - request.arrived, request.level))
        self.outcome.limits.append((self.now, self.admission.limit.value))
        self.admission.leave(request.level, self.now - request.begun, "view")


class _Wake:
    def __init__(self, simulation: Simulation, request: _Request) -> None:
        self._simulation = simulation
        self._request = request
        self.ticket: Ticket | None = None

    def __call__(self) -> None:
        assert self.ticket is not None
        if self.ticket.granted:
            self._simulation._begin(self._request)
        else:
            self._simulation._refuse(self._request)

    def expire(self) -> None:
        if self.ticket is not None and self.ticket.waiting:
            self._simulation.admission.abandon(self.ticket)
            self._simulation._refuse(self._request)


REPLICAS = (
    Replica("computes", cores=1, compute=0.010, wait=0.0),
    Replica("computes a little, waits", cores=1, compute=0.002, wait=0.030),
    Replica("waits", cores=4, compute=0.020, wait=0.100),
)
ALGORITHMS: dict[str, Callable[[], Limit]] = {
    "no limit": lambda: Fixed(ROOM),
    "gradient": lambda: Gradient(ROOM),
    "aimd": lambda: Aimd(ROOM),
}
SEEDS = range(3)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one algorithm on one replica, the mean of all seeds."""

    goodput: float
    """Answers in the overload ÷ what the replica can do at most."""
    stretched: float
    """p99 of the answered in the overload ÷ p99 before it."""
    settle: float
    """Seconds after the overload."""


@dataclass(frozen=True, slots=True)
class Start:
    """So many requests a second at a process that has just started: the mean of all seeds."""

    refused: float
    """Share of those who came in its first ten seconds."""
    p99: float
    """Seconds that those of them who were answered waited at most, but for one in a hundred."""
    later: float
    """Share that was refused afterwards."""


STARTS = (
    (Replica("computes", cores=1, compute=0.010, wait=0.0), 50.0),
    (Replica("computes", cores=1, compute=0.010, wait=0.0), 300.0),
    (Replica("computes a little, waits", cores=1, compute=0.002, wait=0.030), 250.0),
    (Replica("computes a little, waits", cores=1, compute=0.002, wait=0.030), 1500.0),
    (Replica("waits for a second", cores=1, compute=0.001, wait=1.0), 60.0),
    (Replica("waits for a second", cores=1, compute=0.001, wait=1.0), 100.0),
    (Replica("waits for a second", cores=1, compute=0.001, wait=1.0), 350.0),
    (Replica("the same, with a tail", cores=1, compute=0.001, wait=1.0, tail=0.7), 60.0),
    (Replica("0.1 s, with a long tail", cores=1, compute=0.001, wait=0.1, tail=1.3), 100.0),
    (Replica("a cache has two of five", cores=1, compute=0.001, wait=0.2, quick=0.4), 100.0),
    (Replica("at once or after a second", cores=1, compute=0.001, wait=1.0, quick=0.5), 100.0),
    (Replica("a database computes", cores=1, compute=0.010, wait=0.0, elsewhere=True), 300.0),
    (Replica("a database of four cores", cores=4, compute=0.020, wait=0.1, elsewhere=True), 600.0),
)


def begin(
    replica: Replica, make: Callable[[], Limit], rate: float, seeds: Sequence[int] = range(16)
) -> Start:
    """Start cold, at this many requests a second for half a minute."""
    phases = (Phase(30, rate / replica.capacity),)
    runs = [Simulation(replica, make(), phases, seed).run() for seed in seeds]
    return Start(
        _mean([1 - run.success(Criticality.CRITICAL, 0, 10) for run in runs]),
        _mean([run.p99(0, 10) for run in runs]),
        _mean([1 - run.success(Criticality.CRITICAL, 10, 30) for run in runs]),
    )


def judge(
    replica: Replica, make: Callable[[], Limit], factor: float = 3.0, seeds: Sequence[int] = SEEDS
) -> Figures:
    """Step to ``factor`` times the capacity and back."""
    phases = (Phase(10, 0.5), Phase(20, factor), Phase(10, 0.5))
    runs = [Simulation(replica, make(), phases, seed).run() for seed in seeds]
    usual = [run.p99(3, 10) for run in runs]
    return Figures(
        _mean([run.rate(12, 30) / replica.capacity for run in runs]),
        _mean([run.p99(12, 30) / each for run, each in zip(runs, usual, strict=True)]),
        _mean([run.settled(30, 40, each) for run, each in zip(runs, usual, strict=True)]),
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def main() -> None:
    print(f"{'replica':26} {'load':>5} {'limit':9} {'goodput':>8} {'p99':>6} {'settle':>7}")
    for replica in REPLICAS:
        for factor in (3.0, 10.0):
            for name, make in ALGORITHMS.items():
                found = judge(replica, make, factor)
                row = f"{found.goodput:8.3f} {found.stretched:5.1f}× {found.settle:5.1f} s"
                print(f"{replica.name:26} {factor:4.0f}× {name:9} {row}")
    print(f"\n{'a cold start':26} {'load':>6} {'refused':>9} {'p99':>8} {'later':>7}")
    for replica, rate in STARTS:
        start = begin(replica, ALGORITHMS["aimd"], rate)
        row = f"{start.refused:7.1%} {start.p99:6.2f} s {start.later:7.1%}"
        print(f"{replica.name:26} {rate:4.0f}/s   {row}")


if __name__ == "__main__":
    main()
