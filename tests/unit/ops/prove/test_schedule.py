"""Who is hit: chance, but the same for the same seed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mainstay.ops.prove.faults.fault import Strike
from mainstay.ops.prove.schedule import overlap, resolve

PROCESSES = (
    "catalog.web.1",
    "catalog.web.2",
    "catalog.web.3",
    "catalog.worker.1",
    "postgres.1",
    "postgres.2",
    "valkey",
)


def test_any_of_a_kind_becomes_one_process() -> None:
    (strike,) = resolve([Strike("kill", "catalog.web")], PROCESSES, 7)
    assert strike.target in ("catalog.web.1", "catalog.web.2", "catalog.web.3")


def test_a_node_of_an_engine_is_chosen_too() -> None:
    (strike,) = resolve([Strike("kill", "postgres")], PROCESSES, 7)
    assert strike.target in ("postgres.1", "postgres.2")


def test_what_is_named_or_decided_later_stays() -> None:
    targets = ("catalog.web.2", "catalog", "catalog.web.*", "primary", "valkey", "everything", "a->b", "")
    found = resolve([Strike("kill", target) for target in targets], PROCESSES, 7)
    assert tuple(strike.target for strike in found) == targets


@given(st.integers(0, 2**31), st.permutations(PROCESSES))
def test_the_same_seed_gives_the_same_schedule_in_whatever_order_processes_come(
    seed: int, processes: list[str]
) -> None:
    strikes = [Strike("kill", "catalog.web", at=10.0 * n) for n in range(5)]
    assert resolve(strikes, processes, seed) == resolve(strikes, PROCESSES, seed)


def test_other_seeds_hit_others() -> None:
    hit = {resolve([Strike("kill", "catalog.web")], PROCESSES, seed)[0].target for seed in range(40)}
    assert hit == {"catalog.web.1", "catalog.web.2", "catalog.web.3"}


@given(st.integers(0, 2**31))
def test_strikes_of_one_moment_hit_different_processes_while_there_are_enough(seed: int) -> None:
    strikes = [Strike("pause", "catalog.web", at=float(n), lasts=5.0) for n in range(4)]
    targets = [strike.target for strike in resolve(strikes, PROCESSES, seed)]
    assert len(set(targets[:3])) == 3


def test_a_duration_that_nobody_gave_becomes_the_fault_s_own() -> None:
    found = resolve(
        [Strike("pause", "valkey", lasts=-1.0), Strike("kill", "valkey", lasts=-1.0)], PROCESSES, 1
    )
    assert found[0].lasts > 0
    assert found[1].lasts == 0


def test_overlapping_is_being_under_way_together() -> None:
    long, later = Strike("pause", at=1.0, lasts=2.0), Strike("kill", at=3.0)
    assert overlap(long, later)
    assert overlap(later, long)
    assert not overlap(long, Strike("kill", at=3.1))
    assert overlap(Strike("kill", at=1.0), Strike("kill", at=1.0))
