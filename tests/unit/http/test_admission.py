"""Who works, who waits, who is refused; with a clock that the tests turn."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.overload import Phase, Replica, Simulation, judge
from mainstay.base.criticality import Criticality
from mainstay.http.admission import Admission, Aimd, Fixed, Gradient, Limit, Ticket, current
from mainstay.http.admission.comeback import LONGEST, Comeback
from mainstay.http.admission.limit import FLOOR_WINDOWS, ROUTES_MAX

SHEDDABLE, SHEDDABLE_PLUS, CRITICAL, CRITICAL_PLUS = Criticality


class Gate:
    """An admission with a clock of its own, and the order in which tickets were decided."""

    def __init__(self, limit: int | Limit, room: int = 100, mode: str = "on") -> None:
        self.now = 0.0
        self.woken: list[str] = []
        chosen = Still(limit) if isinstance(limit, int) else limit
        self.admission = Admission(chosen, room, room, mode, clock=lambda: self.now)

    def enter(self, level: Criticality = CRITICAL, name: str = "", patience: float = 60.0) -> bool | Ticket:
        return self.admission.enter(
            "/", lambda _: level, self.now + patience, lambda: lambda: self.woken.append(name)
        )

    def fill(self, level: Criticality = CRITICAL_PLUS) -> int:
        """Enter until somebody has to wait, who leaves again; how many work now."""
        while (verdict := self.enter(level)) is True:
            pass
        if isinstance(verdict, Ticket):
            self.admission.abandon(verdict)
        return self.admission.in_flight

    def leave(self, after: float = 0.0) -> None:
        self.now += after
        self.admission.leave(CRITICAL)


class Still(Fixed):
    """A limit for the mode ``on`` that stays and knows what is usual."""

    def __init__(self, value: int, usual: float = 0.05) -> None:
        super().__init__(value)
        self.usual = usual


# --- levels --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "places"), [(SHEDDABLE, 10), (SHEDDABLE_PLUS, 14), (CRITICAL, 18), (CRITICAL_PLUS, 20)]
)
def test_each_level_may_use_its_part_of_the_limit(level: Criticality, places: int) -> None:
    assert Gate(20).fill(level) == places


@pytest.mark.parametrize("level", Criticality)
def test_at_the_floor_every_level_still_has_a_place(level: Criticality) -> None:
    assert Gate(2).fill(level) >= 1
    assert Gate(1).fill(level) == 1


def test_who_matters_more_goes_first() -> None:
    gate = Gate(2)
    gate.fill()
    tickets = [
        gate.enter(level, level.name) for level in (SHEDDABLE, CRITICAL, CRITICAL_PLUS, SHEDDABLE_PLUS)
    ]
    for _ in range(4):
        gate.leave()

    assert all(isinstance(each, Ticket) for each in tickets)
    assert gate.woken[:2] == ["CRITICAL_PLUS", "CRITICAL"]


def test_a_full_queue_gives_the_place_of_the_least_important() -> None:
    gate = Gate(2, room=4)
    gate.admission._most = 2
    gate.fill()
    waiting = [gate.enter(SHEDDABLE, "sheddable"), gate.enter(CRITICAL, "critical")]
    important = gate.enter(CRITICAL_PLUS, "important")

    assert isinstance(important, Ticket)
    assert important.waiting
    assert gate.woken == ["sheddable"]
    assert [each.waiting for each in waiting if isinstance(each, Ticket)] == [False, True]
    assert gate.enter(SHEDDABLE) is False


def test_importance_is_not_asked_for_while_there_is_room() -> None:
    gate = Gate(20)
    asked: list[str] = []

    def judge_(path: str) -> Criticality:
        asked.append(path)
        return CRITICAL

    for _ in range(10):
        assert gate.admission.enter("/busy/", judge_, 60.0, lambda: None) is True
    assert asked == []
    gate.admission.enter("/busy/", judge_, 60.0, lambda: None)
    assert asked == ["/busy/"]


# --- order -----------------------------------------------------------------------------------


def test_without_pressure_the_first_is_first() -> None:
    gate = Gate(2)
    gate.fill()
    for name in "abc":
        gate.enter(CRITICAL_PLUS, name)
    for _ in range(3):
        gate.leave()

    assert gate.woken == ["a", "b", "c"]


def put_under_pressure(gate: Gate) -> None:
    """A queue that stays half full although it is served."""
    gate.fill()
    for number in range(40):
        gate.now += 0.01
        gate.enter(CRITICAL, f"old {number}")
        gate.enter(CRITICAL, f"older {number}")
        gate.leave()
    gate.woken.clear()


def test_under_pressure_the_newest_is_first() -> None:
    gate = Gate(2, room=20)
    put_under_pressure(gate)
    gate.enter(CRITICAL, "newest")
    gate.leave()

    assert "newest" in gate.woken
    assert gate.admission.waiting


def test_under_pressure_nobody_waits_longer_than_a_request_takes() -> None:
    gate = Gate(2, room=20)
    put_under_pressure(gate)
    gate.now += 0.049
    gate.enter(CRITICAL, "newest")
    gate.leave(after=0.002)

    assert gate.admission.waiting == 0


def test_what_matters_most_may_wait_longer() -> None:
    gate = Gate(2, room=20)
    put_under_pressure(gate)
    important = gate.enter(CRITICAL_PLUS)
    gate.admission._most = 0
    gate.admission._follow()
    gate.now += 0.2
    gate.enter(SHEDDABLE)
    gate.leave(after=0.0)

    assert isinstance(important, Ticket)
    assert important.waiting


def test_a_dozen_patient_clients_are_no_overload() -> None:
    """They wait for one another, and each is answered."""
    gate = Gate(2, room=128)
    gate.fill()
    for _ in range(10):
        gate.enter(CRITICAL)
    for _ in range(200):
        gate.enter(CRITICAL)
        gate.leave(after=0.02)

    assert sum(gate.admission.refused) == 0


def test_a_burst_alone_is_worked_off_in_full() -> None:
    """Twenty at once and then nobody: refusing half of them would help no one."""
    gate = Gate(2)
    gate.fill()
    tickets = [gate.enter(CRITICAL) for _ in range(20)]
    for _ in range(20):
        gate.leave(after=0.1)

    assert all(isinstance(each, Ticket) and each.granted for each in tickets)


def test_a_stall_refuses_nobody() -> None:
    """A primary is replaced, two seconds in which nothing ends; afterwards all are served."""
    gate = Gate(10)
    gate.fill(CRITICAL)
    tickets = []
    for _ in range(10):
        gate.now += 0.2
        tickets.append(gate.enter(CRITICAL))
    for _ in range(10):
        gate.leave()

    assert all(isinstance(each, Ticket) and each.granted for each in tickets)


def test_nobody_waits_for_longer_than_the_patience() -> None:
    gate = Gate(2)
    gate.fill(CRITICAL_PLUS)
    ticket = gate.enter(CRITICAL_PLUS, patience=60.0)
    assert isinstance(ticket, Ticket)
    assert ticket.until == gate.now + 3.0


def test_who_has_no_time_left_is_not_let_in() -> None:
    gate = Gate(2)
    gate.fill()
    late = gate.enter(CRITICAL_PLUS, "late", patience=0.1)
    patient = gate.enter(CRITICAL_PLUS, "patient")
    gate.leave(after=0.2)

    assert isinstance(late, Ticket)
    assert isinstance(patient, Ticket)
    assert (late.granted, patient.granted) == (False, True)
    assert gate.enter(CRITICAL_PLUS, patience=0.0) is False


# --- no place is ever lost ---------------------------------------------------------------------


@given(st.data())
def test_places_are_neither_lost_nor_doubled(data: st.DataObject) -> None:
    most = data.draw(st.integers(1, 6))
    room = data.draw(st.integers(most, 12))
    gate = Gate(Aimd(most), room)
    gate.admission._most = most
    working, waiting = 0, list[Ticket]()
    for _ in range(data.draw(st.integers(0, 60))):
        gate.now += data.draw(st.sampled_from((0.0, 0.01, 0.2)))
        action = data.draw(st.sampled_from(("enter", "enter", "leave", "abandon", "settle")))
        if action == "enter":
            verdict = gate.enter(data.draw(st.sampled_from(Criticality)), patience=0.3)
            working += verdict is True
            waiting += [verdict] if isinstance(verdict, Ticket) else []
        elif action == "leave" and working:
            gate.admission.leave(CRITICAL, data.draw(st.sampled_from((None, 0.01, 3.0))), "view")
            working -= 1
        elif waiting:
            ticket = waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))
            if action == "settle":
                working += gate.admission.settle(ticket)
            else:
                gate.admission.abandon(ticket)
        granted = [each for each in waiting if each.granted]
        working += len(granted)
        waiting = [each for each in waiting if each.waiting]
        assert gate.admission.in_flight == working <= most
        assert gate.admission.waiting == len(waiting) <= room
        assert working + len(waiting) <= max(room, most)
    for ticket in waiting:
        gate.admission.abandon(ticket)
    for _ in range(working):
        gate.leave()
    assert (gate.admission.in_flight, gate.admission.waiting) == (0, 0)


# --- the limit -------------------------------------------------------------------------------------


def feed(limit: Limit, seconds: float, *, until: float, begin: float = 0.0, used: float = 1.0) -> None:
    """Requests one after another, each while this share of the limit is used."""
    now = begin
    while now < until:
        now += 0.005
        limit.observe(now, seconds, "view", max(1, round(limit.value * used)))


both = pytest.mark.parametrize("algorithm", [Aimd, Gradient])


@both
def test_the_limit_never_leaves_its_bounds(algorithm: Callable[..., Limit]) -> None:
    limit = algorithm(40)
    feed(limit, 0.02, until=30, used=1.0)
    assert limit.value == 40
    feed(limit, 5.0, begin=30, until=31)
    assert 2 <= limit.value < 40


def test_it_stops_at_the_floor() -> None:
    limit = Aimd(40)
    feed(limit, 0.02, until=1, used=0.4)
    lowest = limit.value
    for step in range(60):
        limit.observe(1.0 + step * 0.2, 1.0 + step, f"view {step}", 40)
        feed(limit, 0.02 * 1.06**step * 4, begin=1 + step * 0.2, until=1.2 + step * 0.2)
        lowest = min(lowest, limit.value)
    assert lowest == 2


@both
def test_it_does_not_grow_while_less_than_half_is_used(algorithm: Callable[..., Limit]) -> None:
    limit = algorithm(100)
    feed(limit, 0.02, until=10, used=0.4)
    assert limit.value == 20


@both
def test_one_slow_route_does_not_shrink_it_for_all(algorithm: Callable[..., Limit]) -> None:
    limit = algorithm(100)
    now = 0.0
    for number in range(4000):
        now += 0.005
        limit.observe(now, 0.02, "page", 20)
        if number % 4 == 0:
            limit.observe(now, 0.05 if now < 5 else 4.0, "report", 20)
    assert limit.value >= 20


def test_what_became_slower_for_good_is_learned() -> None:
    """A database 200 ms further away is no congestion: fewer requests at once do not make it nearer."""
    limit = Aimd(100)
    feed(limit, 0.01, until=5, used=0.4)
    feed(limit, 0.2, begin=5, until=20)
    feed(limit, 0.2, begin=20, until=40)
    assert limit.value > 20


def test_a_burst_at_half_the_limit_teaches_little() -> None:
    """Ten at work of twenty look quiet and may be all that one core can do: what they take is not usual."""
    limit = Aimd(20)
    for number in range(100):
        limit.observe(1 + number / 10, 0.04, "page", 1)
    for number in range(30):
        limit.observe(11 + number / 45, 0.2, "page", 10)
    assert limit._usual["page"].seconds < 0.06


def test_where_one_at_a_time_is_slow_the_limit_stays() -> None:
    """Fewer could not be at work, so that a slow hour at night says nothing of how many a busy one can bear."""
    limit = Aimd(40)
    feed(limit, 0.02, until=10.0, used=0.05)
    feed(limit, 0.2, begin=10.0, until=10.5, used=0.05)
    assert limit.value == 20


@pytest.mark.parametrize(("seconds", "windows"), [(0.045, 6), (0.3, 1)])
def test_one_slow_window_is_chance_and_some_are_congestion(seconds: float, windows: int) -> None:
    """The slower they are, the fewer it takes."""
    limit = Aimd(40)
    feed(limit, 0.02, until=10.0, used=0.45)
    feed(limit, seconds, begin=10.0, until=10.0 + windows * 0.1)
    before = limit.value
    assert before >= 20
    feed(limit, seconds, begin=10.0 + windows * 0.1, until=10.4 + windows * 0.1)
    assert limit.value < before


def test_the_first_answers_of_a_route_are_all_asked_what_is_usual() -> None:
    """The first may have come out of a cache."""
    limit = Aimd(40)
    limit.observe(1.0, 0.001, "view", 1)
    for number in range(12):
        limit.observe(1.1 + number / 10, 0.2, "view", 1)
    assert limit._usual["view"].seconds > 0.1


def test_a_window_of_few_answers_says_little() -> None:
    """Two slow ones in a second may be all that there were, and are no reason for fewer."""
    limit = Aimd(40)
    feed(limit, 0.02, until=10.0, used=0.4)
    before = limit.value
    for number in range(6):
        limit.observe(11.0 + number / 2, 1.0, "view", 10)
    assert limit.value >= before


def test_a_process_whose_first_answers_are_slow_soon_knows_better() -> None:
    """They import what nobody needed before."""
    limit = Aimd(40)
    for number in range(10):
        limit.observe(1.0 + number, 3.0, "view", 1)
    feed(limit, 0.05, begin=20.0, until=20.8, used=0.1)
    assert limit._usual["view"].seconds < 0.1


def test_the_floor_is_left_once_it_is_known_what_is_usual_there() -> None:
    limit = Aimd(40, initial=2)
    limit.opening.over = True
    for number in range(10):
        limit.observe(1.0 + number / 1000, 0.1, "view", 1)
    limit._close(2.0)
    limit.value, limit._floored = 2, FLOOR_WINDOWS
    values = []
    for number in range(30):
        limit.observe(2.0 + number / 50, 0.15, "view", 2)
        values.append(limit.value)
    assert values[9] == 2
    assert values[-1] > 2


# --- modes and figures -----------------------------------------------------------------------------


def test_names_of_views_without_end_are_not_all_remembered() -> None:
    """They come from the URLconf, as far as is known; a project may make them up."""
    limit = Aimd(40)
    for number in range(3 * ROUTES_MAX):
        limit.observe(1.0 + number, 0.02, f"view {number}", 1)
    assert len(limit._usual) == ROUTES_MAX


def test_one_outlier_moves_little_of_what_is_usual() -> None:
    """An hour for one request, or a machine that slept, must not make all that follows look quick."""
    limit = Aimd(40)
    feed(limit, 0.02, until=10.0, used=0.1)
    limit.observe(10.1, 3600.0, "view", 1)
    assert limit._usual["view"].seconds < 0.025


def test_a_dry_run_only_counts() -> None:
    gate = Gate(10, room=100, mode="dry-run")
    for _ in range(40):
        assert gate.enter(SHEDDABLE) is True
    figures = gate.admission.figures()

    assert figures["held_back"]["sheddable"] == 35
    assert figures["refused"]["sheddable"] == 0
    assert figures["in_flight"] == 40


@pytest.mark.parametrize("mode", ["on", "dry-run", "off"])
def test_the_hard_cap_holds_in_every_mode(mode: str) -> None:
    gate = Gate(1000, room=7, mode=mode)
    verdicts = [gate.enter(CRITICAL_PLUS) for _ in range(10)]

    assert verdicts.count(True) == 7
    assert verdicts.count(False) == 3


def test_off_knows_no_levels() -> None:
    assert [Gate(4, room=4, mode="off").fill(level) for level in Criticality] == [4, 4, 4, 4]


def test_figures_say_what_happened_by_level() -> None:
    gate = Gate(2, room=2)
    for level in (CRITICAL_PLUS, CRITICAL_PLUS, SHEDDABLE):
        gate.enter(level)
    gate.leave()
    figures = gate.admission.figures()

    assert figures["refused"] == {"sheddable": 1, "sheddable_plus": 0, "critical": 0, "critical_plus": 0}
    assert figures["admitted"]["critical"] == 1
    assert (figures["in_flight"], figures["limit"], figures["waiting"]) == (1, 2, 0)


def test_the_gate_of_the_process_is_the_last_one_made() -> None:
    gate = Gate(2)

    assert current() is gate.admission


# --- overload, in simulated time ---------------------------------------------------------------------

COMPUTES = Replica("computes", cores=1, compute=0.010, wait=0.0)
WAITS = Replica("waits", cores=1, compute=0.004, wait=0.030)


@pytest.mark.parametrize("replica", [COMPUTES, WAITS], ids=lambda replica: replica.name)
def test_overload_keeps_the_work_done_and_the_wait_short(replica: Replica) -> None:
    """Three times what it can do: at least 95 % of the peak, at most twice the wait, and normal at once."""
    found = judge(replica, lambda: Aimd(128), seeds=range(2))

    assert found.goodput >= 0.95
    assert found.stretched <= 2.2
    assert found.settle <= 3.0


def test_without_a_limit_the_wait_grows() -> None:
    """What the test above would see if admission did nothing."""
    assert judge(COMPUTES, lambda: Fixed(128), seeds=range(1)).stretched > 5


def test_important_work_succeeds_in_an_overload() -> None:
    """Five times what it can do, of which a tenth matters most."""

    def levels(chance: random.Random) -> Criticality:
        return (
            CRITICAL_PLUS if chance.random() < 0.1 else chance.choice((SHEDDABLE, SHEDDABLE_PLUS, CRITICAL))
        )

    run = Simulation(WAITS, Aimd(128), (Phase(2, 0.5), Phase(15, 5.0)), seed=1, levels=levels).run()
    success = [run.success(level, 3, 17) for level in Criticality]

    assert success[CRITICAL_PLUS] >= 0.999
    assert [round(each, 2) for each in success] == sorted(round(each, 2) for each in success)
    assert success[SHEDDABLE] < 0.1


# --- what is no overload, in simulated time ---------------------------------------------------------

UNEVEN = (
    Replica("a long tail", cores=100, compute=0.001, wait=0.1, tail=1.0),
    Replica("a longer tail", cores=100, compute=0.001, wait=0.1, tail=1.3),
    Replica("a cache has two of five", cores=100, compute=0.001, wait=0.2, quick=0.4),
    Replica("a cache has half, the rest is slow", cores=100, compute=0.001, wait=0.3, quick=0.5),
)
EVEN = Replica("waits for a database", cores=100, compute=0.001, wait=0.05)
HUNDRED = 100 / EVEN.capacity


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("replica", UNEVEN, ids=lambda replica: replica.name)
def test_latencies_that_differ_are_no_congestion(replica: Replica, seed: int) -> None:
    """A hundred requests a second that wait for something else, now long and now short: there is nothing to refuse."""
    run = Simulation(replica, Aimd(128), (Phase(60, HUNDRED),), seed).run()
    assert sum(at >= 40 for at, _ in run.refused) / (20 * 100) < 0.01


@pytest.mark.parametrize(("times", "within"), [(2, 10), (10, 15)])
@pytest.mark.parametrize("tail", [0.0, 1.0])
def test_a_service_that_became_slower_for_good_soon_does_as_much_as_before(
    times: int, within: float, tail: float
) -> None:
    simulation = Simulation(replace(EVEN, tail=tail), Aimd(128), (Phase(100, HUNDRED / 2),), seed=2)
    slower = replace(EVEN, tail=tail, wait=EVEN.wait * times)
    simulation.at(20, lambda: setattr(simulation, "replica", slower))
    run = simulation.run()
    assert sum(20 + within <= at < 100 for at, _ in run.refused) / ((80 - within) * 50) < 0.01


def test_a_quiet_night_does_not_narrow_the_limit_for_the_morning() -> None:
    """Now one and then one, a few slow: no fewer could be at work, so there is nothing to learn for many."""
    run = Simulation(UNEVEN[0], Aimd(128), (Phase(600, HUNDRED / 100), Phase(20, HUNDRED)), seed=1).run()
    assert min(value for at, value in run.limits if at < 600) > 10
    assert sum(at >= 600 for at, _ in run.refused) < 20


def test_views_that_wait_for_a_second_find_a_limit_of_their_own_soon() -> None:
    """A cold start at a hundred a second, of which a hundred have to be at work at once."""
    run = Simulation(replace(EVEN, wait=1.0), Aimd(128), (Phase(30, HUNDRED),), seed=1).run()
    assert sum(at >= 10 for at, _ in run.refused) / (20 * 100) < 0.01
    assert len(run.refused) / (10 * 100) < 0.25


@pytest.mark.parametrize(("compute", "wait"), [(0.010, 0.0), (0.004, 0.030)])
def test_an_overload_that_lasts_does_not_become_what_is_usual(compute: float, wait: float) -> None:
    """With latencies of a long tail many a window is quick by chance; what it teaches must not add up."""
    replica = Replica("a long tail", cores=1, compute=compute, wait=wait, tail=1.0)
    run = Simulation(replica, Aimd(128), (Phase(20, 0.5), Phase(200, 3.0)), seed=1).run()
    assert run.rate(120, 220) / replica.capacity >= 0.95
    assert run.p99(120, 220) < 5 * run.p99(3, 20)
    assert max(value for at, value in run.limits if at > 120) < 64


def test_a_process_that_starts_in_an_overload_learns_what_is_usual_all_the_same() -> None:
    run = Simulation(COMPUTES, Aimd(128), (Phase(40, 3.0),), seed=1).run()
    assert run.rate(10, 40) / COMPUTES.capacity >= 0.95
    assert run.p99(10, 40) < 0.1


# --- who was refused comes again ---------------------------------------------------------------

DEAR = Replica("saying no costs", cores=1, compute=0.010, wait=0.02, refusal=0.002)
PEAK = (Phase(10, 0.6), Phase(10, 3.0), Phase(60, 0.6))


@pytest.mark.parametrize(("asked", "recovers"), [(Admission.retry_after, True), (lambda _: 1.0, False)])
def test_those_who_come_again_do_not_keep_it_busy(
    asked: Callable[[Admission], float], recovers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten seconds of too much are over within forty; with the same second for all they never are."""
    monkeypatch.setattr("random.randint", random.Random(1).randint)
    run = Simulation(DEAR, Aimd(128), PEAK, seed=1, returning=asked).run()
    assert (run.rate(60, 80) / DEAR.capacity > 0.55) is recovers
    assert (sum(70 <= at < 80 for at, _ in run.refused) < 30) is recovers


def test_one_burst_is_asked_to_stay_away_for_a_second() -> None:
    gate = Gate(2, room=2)
    gate.fill()
    for _ in range(50):
        assert gate.enter() is False
    assert gate.admission.retry_after() == 1


def test_the_time_to_stay_away_follows_what_is_refused_and_ends_with_it() -> None:
    comeback, served = Comeback(), [0, 0, 0, 0]
    for step in range(600):
        comeback.refuse(step / 10, served)
    assert comeback.seconds == LONGEST
    drawn = [comeback.draw() for _ in range(500)]
    assert (min(drawn), max(drawn)) == (1, LONGEST)
    served[2] += 10_000
    for step in range(600, 1200):
        comeback.refuse(step / 10, served)
        served[2] += 5
    assert comeback.seconds == 1.0
    comeback.seconds = 20.0
    comeback.refuse(200.0, served)
    assert (comeback.seconds, comeback.draw()) == (1.0, 1)


def test_same_seed_same_run() -> None:
    def once() -> list[Any]:
        return Simulation(WAITS, Aimd(128), (Phase(3, 3.0),), seed=7).run().done

    assert once() == once()
