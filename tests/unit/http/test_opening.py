"""How wide the limit of a new process becomes, before it is known how long anything takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.overload import Outcome, Phase, Replica, Simulation
from mainstay.http.admission import Aimd
from mainstay.http.admission.opening import Opening

SAMPLES = 200


class New:
    """A process that has just started, with a clock and a processor that the tests turn."""

    def __init__(self, limit: float = 20, most: int = 128) -> None:
        self.now = 1000.0
        self.used = 3.0  # what starting took
        self.limit = limit
        self.opening = Opening(SAMPLES, most, lambda: self.used)

    def answer(
        self, rate: float, count: int, *, work: float = 0.0, seconds: float = 0.1, part: float = 0.9
    ) -> None:
        """So many answers at this rate, with this part of the limit in use and this share of a processor."""
        for _ in range(count):
            if not self.opening.over:
                self.now += 1 / rate
                self.used += work / rate
                self.limit = self.opening.observe(
                    self.now, seconds, "view", round(self.limit * part), self.limit
                )


def test_it_doubles_while_more_at_work_bring_more_answers() -> None:
    new = New()
    widths = []
    for rate in (18, 36, 72, 144):
        new.answer(rate, round(new.limit * 0.85))
        widths.append(new.limit)
    assert widths[:3] == [40, 80, 160]


def test_it_goes_back_once_more_at_work_bring_no_more_answers() -> None:
    new = New()
    new.answer(18, 17)
    new.answer(36, 34)
    assert new.limit == 80
    new.answer(38, 2 * 68)
    assert (new.limit, new.opening.over) == (40, True)
    assert new.opening.usual["view"] == (pytest.approx(5.1), 17 + 34)


def test_where_the_first_doubling_brought_nothing_all_may_have_been_slow_from_the_start() -> None:
    new = New()
    new.answer(100, 17, seconds=0.01)
    new.answer(100, 2 * 34)
    assert (new.limit, new.opening.over, new.opening.usual) == (20, True, {})


def test_one_turn_that_brought_no_more_is_chance() -> None:
    new = New()
    new.answer(18, 17)
    new.answer(20, 34)
    assert new.limit == 40
    new.answer(60, 34)
    assert (new.limit, new.opening.over) == (80, False)


def test_a_limit_that_nobody_waits_for_stays() -> None:
    new = New()
    new.answer(100, SAMPLES, part=0.5)
    assert (new.limit, new.opening.over) == (20, True)
    assert new.opening.usual["view"] == (pytest.approx(20.0), SAMPLES)


def test_a_doubled_limit_that_is_not_used_up_is_wide_enough() -> None:
    """More answers than there are requests cannot come of it."""
    new = New()
    new.answer(18, 17)
    new.answer(19, SAMPLES, part=0.5)
    assert (new.limit, new.opening.over) == (40, True)


def test_a_process_that_computes_does_not_try() -> None:
    new = New()
    new.answer(100, SAMPLES - 1, work=0.9)
    assert not new.opening.decides(new.now)
    new.answer(100, 20, work=0.9)
    assert (new.limit, new.opening.over, new.opening.usual) == (20, True, {})


def test_a_process_that_is_still_loading_tries_later() -> None:
    new = New()
    new.answer(40, 10, work=0.9)
    assert not new.opening.decides(new.now)
    assert new.limit == 20
    new.answer(18, 17)
    assert new.opening.decides(new.now)
    assert new.limit == 40


def test_what_answers_took_while_it_was_loading_is_not_usual() -> None:
    new = New()
    new.answer(40, 10, work=0.9, seconds=3.0)
    assert not new.opening.decides(new.now)
    new.answer(40, SAMPLES, part=0.5)
    assert new.opening.usual["view"] == (pytest.approx(20.0), SAMPLES)


def test_a_turn_is_counted_only_while_others_wait() -> None:
    """Else those who had not come yet would be missing among the answers."""
    new = New()
    new.answer(18, 10)
    new.answer(1, 3, part=0.5)
    new.answer(18, 16)
    assert new.limit == 20
    new.answer(18, 1)
    assert new.limit == 40


def test_a_pause_before_many_come_is_no_part_of_the_turn() -> None:
    """Else a process that computes would look idle, and its first crowded answers would be the usual ones."""
    new = New()
    new.answer(100, 60, work=1.0, part=0.5)
    new.now += 10
    new.answer(100, 17, work=1.0, seconds=0.01)
    assert new.limit == 20
    assert new.opening.usual == {}


def test_what_starting_took_is_not_work() -> None:
    new = New()
    new.answer(18, 17)
    assert new.limit == 40


def test_one_that_computes_once_more_are_at_work_keeps_what_brought_more_answers() -> None:
    new = New()
    new.answer(18, 17)
    new.answer(36, 34, work=0.3)
    assert (new.limit, new.opening.over) == (40, True)
    assert new.opening.usual["view"] == (pytest.approx(5.1), 17 + 34)


def test_one_that_computes_once_more_are_at_work_goes_back_if_that_brought_nothing() -> None:
    new = New()
    new.answer(18, 17)
    new.answer(10, 2 * 34, work=1.0)
    assert (new.limit, new.opening.over, new.opening.usual) == (20, True, {})


def test_answers_at_the_same_moment_have_no_rate() -> None:
    new = New()
    for _ in range(40):
        new.limit = new.opening.observe(new.now, 0.0, "view", 20, new.limit)
    assert new.limit == 20


def test_where_there_is_no_wider_limit_latency_counts_at_once() -> None:
    """As under WSGI, where the threads are all there are."""
    assert Aimd(4, initial=4).opening.over
    assert not Aimd(128).opening.over


def test_congestion_ends_it() -> None:
    """Whoever was narrowed while it computed does not open again because it waits for a moment."""
    used = 0.0
    limit = Aimd(128, processor=lambda: used)
    for number in range(100):
        used += 0.005
        limit.observe(1 + number / 100, 0.02 if number < 40 else 0.5, "view", 18)
    assert limit.value < 20
    assert limit.opening.over


# --- cold starts, in simulated time ------------------------------------------------------------------

WAITS = Replica("waits for a second", cores=1, compute=0.001, wait=1.0)
COMPUTES = Replica("computes", cores=1, compute=0.010, wait=0.0)


def begin(replica: Replica, rate: float, seed: int, seconds: float = 30) -> Outcome:
    return Simulation(replica, Aimd(128), (Phase(seconds, rate / replica.capacity),), seed).run()


def refused(run: Outcome, until: float = 10) -> float:
    """Share of those who came in the first seconds."""
    no = sum(at < until for at, _ in run.refused)
    return no / (no + sum(at < until for at, _, _ in run.done))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("replica", "rate"),
    [
        (WAITS, 60),
        (replace(WAITS, tail=0.7), 60),
        (replace(WAITS, wait=0.1, tail=1.3), 100),
        (replace(WAITS, wait=0.2, quick=0.4), 100),
        (replace(WAITS, quick=0.5), 100),
    ],
    ids=["evenly", "with a tail", "shorter, with a long tail", "a cache has two of five", "or at once"],
)
def test_views_that_only_wait_are_not_refused_after_a_start(replica: Replica, rate: float, seed: int) -> None:
    """Nothing is congested, and a rolling update makes every replica new."""
    assert refused(begin(replica, rate, seed)) < 0.03


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("compute", [0.010, 0.050])
def test_a_start_in_an_overload_opens_nothing_where_the_process_computes(compute: float, seed: int) -> None:
    replica = replace(COMPUTES, compute=compute)
    run = begin(replica, 3 * replica.capacity, seed)
    assert max(value for _, value in run.limits) < 30
    assert run.p99(0, 10) < 40 * compute


@pytest.mark.parametrize("seed", range(3))
def test_a_start_in_an_overload_of_the_database_goes_back(seed: int) -> None:
    """The process only waits, and is wrong for two turns."""
    run = begin(replace(COMPUTES, elsewhere=True), 300, seed)
    assert max(value for at, value in run.limits if at > 3) < 30
    assert run.p99(10, 30) < 0.15
    assert run.rate(2, 30) / COMPUTES.capacity >= 0.95
