"""What grows is seen whoever is killed meanwhile, and what only wavers is not."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest

from mainstay.ops.prove.judging.growth import Sample
from mainstay.ops.prove.verdict import Verdict

from ..runs import calm, samples

PASS, FAILED, UNTOLD = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN


def test_growth_is_told_per_hour() -> None:
    judgement = calm().judged("growth.memory <= 0.5 %/h", samples=samples(0.02))
    assert judgement.verdict is FAILED
    assert judgement.value == pytest.approx(0.02, rel=0.02)
    assert calm().judged("growth.memory <= 0.5 %/h", samples=samples(0.0)).verdict is PASS
    assert calm().judged("growth.descriptors.catalog.web = 0", samples=samples(0.02)).verdict is PASS


def test_growth_that_may_be_noise_is_unknown() -> None:
    judgement = calm().judged("growth.memory <= 0.5 %/h", samples=samples(0.02, seconds=100, noise=0.05))
    assert judgement.verdict in (UNTOLD, PASS)
    judgement = calm().judged("growth.memory <= 1 %/h", samples=samples(0.01, seconds=200, noise=0.01))
    assert judgement.verdict is UNTOLD
    assert "with 95 % confidence between" in judgement.found


SERVICES = ("catalog.web", "orders.web", "payments.web")


def soak(leak: float, seed: int, *, kills: str = "") -> list[Sample]:
    """Twenty minutes of six replicas, one of which is killed every 20 s: of any number, of number 2, or none."""
    dice = random.Random(seed)
    held = {f"{service}.{number}": 60e6 for service in SERVICES for number in (1, 2)}
    pids, found = dict.fromkeys(held, 1), list[Sample]()
    for turn in range(600):
        for name in held:
            held[name] += 2.0 * leak
        if kills and turn % 10 == 0:
            service = SERVICES[turn // 10 % 3]
            name = f"{service}.2" if kills == "second" else dice.choice([f"{service}.1", f"{service}.2"])
            held[name], pids[name] = 60e6, pids[name] + 1
        found.append(Sample(2.0 * turn, "postgres.1", 300e6 + dice.gauss(0, 1e5), 10, 10, 1))
        for name, size in held.items():
            busy = dice.randrange(3)
            memory = size + busy * 1e5 + dice.gauss(0, 2e4)
            found.append(Sample(2.0 * turn, name, memory, 30 + busy, 10 + busy, pids[name]))
    return found


@pytest.mark.parametrize("kills", ["", "any", "second"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_leak_is_seen_although_processes_are_killed(seed: int, kills: str) -> None:
    """Each takes what it leaked with it, so the sum of all of them stays where it is."""
    for leak in (0.1e6, 0.5e6, 2e6):
        judgement = calm().judged("growth.memory <= 0.5 %/h", samples=soak(leak, seed, kills=kills))
        assert judgement.verdict is FAILED, judgement.found


@pytest.mark.parametrize("kills", ["", "second"])
@pytest.mark.parametrize("seed", range(5))
def test_noise_around_a_level_is_no_growth(seed: int, kills: str) -> None:
    for resource in ("memory", "descriptors", "connections"):
        judgement = calm().judged(f"growth.{resource} <= 0.5 %/h", samples=soak(0.0, seed, kills=kills))
        assert judgement.verdict is PASS, judgement.found


def test_a_slow_leak_of_one_kind_is_not_hidden_by_the_others() -> None:
    still = [replace(each, process=each.process.replace("catalog", "other")) for each in soak(0.0, 1)]
    judgement = calm().judged("growth.memory <= 0.5 %/h", samples=[*soak(500.0, 1), *still])
    assert judgement.verdict is FAILED
    assert judgement.value == pytest.approx(0.03, rel=0.2)


def test_without_a_long_life_nothing_is_told_of_growth() -> None:
    short = [
        replace(each, pid=int(each.moment // 60)) for each in soak(0.0, 1) if each.process != "postgres.1"
    ]
    judgement = calm().judged("growth.memory <= 0.5 %/h", samples=short)
    assert judgement.verdict is UNTOLD
    assert "catalog.web lived for 58 s at most" in judgement.found
    beside = calm().judged("growth.memory <= 0.5 %/h", samples=[*short, *samples(0.0)])
    assert beside.verdict is UNTOLD
    assert calm().judged("growth.memory <= 0.5 %/h", samples=[*short, *samples(0.1)]).verdict is FAILED


def test_noise_that_leaves_it_open_is_told_with_the_time_that_it_would_take() -> None:
    dice = random.Random(3)
    noisy = [Sample(2.0 * turn, "edge.1", 60e6 + dice.gauss(0, 1e6), 5, 5) for turn in range(600)]
    judgement = calm().judged("growth.memory <= 0.5 %/h", samples=noisy)
    assert judgement.verdict is UNTOLD
    assert re.search(r"which 20 min cannot tell apart; about \d+ min would", judgement.found)


def test_a_minute_of_samples_at_least() -> None:
    assert calm().judged("growth.memory <= 1 %/h", samples=samples(0.0, seconds=60)).verdict is UNTOLD
    assert calm().judged("growth.memory.orders.web <= 1 %/h", samples=samples(0.0)).verdict is UNTOLD
