"""How long work has waited: asked in the background, never guessed, and told alike by every process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from mainstay.base.deadline import current_deadline
from mainstay.observability import queues as module
from mainstay.observability.figures import FIGURES, Figure, Registry
from mainstay.observability.queues import FAILURES, LENGTH, MOST, OLD, OLDEST, Queues

PATIENT = 60.0


@pytest.fixture
def queues() -> Iterator[Queues]:
    made = Queues(Registry())
    yield made
    for queue in made._queues.values():
        queue.asked.stop()


def read(queues: Queues) -> dict[str, float]:
    return {figure.name: figure.value for figure in queues.registry.read() if labelled(figure)}


def labelled(figure: Figure) -> bool:
    return any(name == "queue" for name, _ in figure.labels)


def until(queues: Queues, true: Callable[[dict[str, float]], object]) -> dict[str, float]:
    deadline = time.monotonic() + 30
    while not true(found := read(queues)):
        assert time.monotonic() < deadline, found
        time.sleep(0.005)
    return found


@pytest.mark.parametrize(
    ("oldest", "seconds"),
    [
        (12.5, 12.5),
        (7, 7),
        (Decimal("1.5"), 1.5),
        (timedelta(minutes=2), 120),
        (None, 0),  # empty
        (-3.0, 0),  # of a machine whose clock is ahead
    ],
)
def test_the_age_of_the_first_and_the_length_are_told(queues: Queues, oldest: Any, seconds: float) -> None:
    queues.watch_queue("letters", oldest=lambda: oldest, length=lambda: 3, limit=PATIENT, old_after=60)
    found = until(queues, lambda found: OLDEST in found)
    assert found == {OLDEST: seconds, LENGTH: 3, OLD: 60, FAILURES: 0}


def test_without_a_length_none_is_told(queues: Queues) -> None:
    queues.watch_queue("letters", oldest=lambda: None, limit=PATIENT)
    assert LENGTH not in until(queues, lambda found: OLDEST in found)


def test_a_coroutine_function_may_ask(queues: Queues) -> None:
    async def oldest() -> float:
        return 4.0

    async def length() -> int:
        return 2

    queues.watch_queue("letters", oldest=oldest, length=length, limit=PATIENT)
    found = until(queues, lambda found: OLDEST in found)
    assert (found[OLDEST], found[LENGTH]) == (4, 2)


def broken() -> float:
    raise ConnectionRefusedError("nobody listens")


@pytest.mark.parametrize(
    ("oldest", "length"),
    [
        (broken, None),
        (lambda: 1.0, broken),
        (lambda: "7", None),
        (lambda: True, None),
        (lambda: float("nan"), None),
        (lambda: 1.0, lambda: -1),
        (lambda: 1.0, lambda: 1.5),
        (lambda: 1.0, lambda: None),
    ],
)
def test_unknown_is_neither_empty_nor_zero(
    queues: Queues, oldest: Any, length: Any, caplog: pytest.LogCaptureFixture
) -> None:
    queues.watch_queue("letters", oldest=oldest, length=length, limit=PATIENT, every=0.01)
    found = until(queues, lambda found: found[FAILURES] >= 2)
    assert found.keys() == {OLD, FAILURES}
    told = [each.getMessage() for each in caplog.records]
    assert len(told) == 1
    assert told[0].startswith("queue letters does not say how old its first is: ")


def test_before_the_first_answer_nothing_is_known_and_nothing_has_failed(queues: Queues) -> None:
    release = threading.Event()
    queues.watch_queue("letters", oldest=release.wait, limit=PATIENT)
    assert read(queues) == {OLD: 300, FAILURES: 0}
    release.set()


def test_a_frozen_database_delays_no_scrape_and_takes_one_thread(queues: Queues) -> None:
    release = threading.Event()
    queues.watch_queue("frozen", oldest=release.wait, limit=0.02, every=0.01)
    try:
        found = until(queues, lambda found: found[FAILURES])
        for _ in range(50):
            found = read(queues)
        assert found == {OLD: 300, FAILURES: 1}, "late once, and not once for each scrape"
        assert not release.is_set()
        threads = [each for each in threading.enumerate() if each.name == "mainstay-queue-frozen"]
        assert len(threads) == 1
    finally:
        release.set()


def test_an_answer_of_long_ago_is_none(queues: Queues, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread stood still, or there was no scrape for long; what waits now may be older, or gone."""
    queues.watch_queue("letters", oldest=lambda: 7, limit=1.0, every=50.0)
    until(queues, lambda found: OLDEST in found)
    clock = time.monotonic
    monkeypatch.setattr(module, "_age", lambda _: 1 / 0)  # whoever asks again finds no answer either
    monkeypatch.setattr("mainstay.observability.asking.time.monotonic", lambda: clock() + 101.0)
    assert OLDEST in read(queues)
    monkeypatch.setattr("mainstay.observability.asking.time.monotonic", lambda: clock() + 103.0)
    assert read(queues) == {OLD: 300, FAILURES: 0}


def test_the_limit_is_the_deadline_of_every_statement(queues: Queues) -> None:
    left: list[float] = []

    def oldest() -> None:
        deadline = current_deadline()
        assert deadline
        left.append(deadline.remaining())

    queues.watch_queue("letters", oldest=oldest, limit=3.0)
    until(queues, lambda _: left)
    assert 0 < left[0] <= 3.0


def test_nobody_is_asked_before_somebody_scrapes(queues: Queues) -> None:
    asked: list[int] = []
    queues.watch_queue("letters", oldest=lambda: asked.append(1), limit=PATIENT)
    time.sleep(0.05)
    assert asked == []


# --- what is declared -----------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["old_after", "limit", "every"])
@pytest.mark.parametrize("seconds", ["1s", None, 0, -1, True, float("nan")])
def test_a_time_that_is_none_is_refused_where_it_is_declared(queues: Queues, what: str, seconds: Any) -> None:
    changes: dict[str, Any] = {what: seconds}
    with pytest.raises(ValueError, match=f"`{what}` of queue 'letters' is a number of seconds above 0"):
        queues.watch_queue("letters", oldest=broken, **changes)


@pytest.mark.parametrize("name", ["", 7, None, "x" * 101, "two\nlines"])
def test_a_name_that_is_no_label_is_refused(queues: Queues, name: Any) -> None:
    with pytest.raises(ValueError, match="the name of a queue is a text of at most 100 characters"):
        queues.watch_queue(name, oldest=broken)


def test_a_second_function_of_the_same_name_is_refused_and_the_same_one_is_not(queues: Queues) -> None:
    queues.watch_queue("letters", oldest=broken)
    queues.watch_queue("letters", oldest=broken, old_after=60)
    assert read(queues)[OLD] == 60
    with pytest.raises(
        ValueError, match=r"'letters' of .*test_queues.py:\d+ is declared already, in .*:\d+: give"
    ):
        queues.watch_queue("letters", oldest=lambda: None)


def test_names_that_come_from_data_are_refused(queues: Queues) -> None:
    for number in range(MOST):
        queues.watch_queue(f"of-{number}", oldest=broken)
    with pytest.raises(ValueError, match="'one-more' would be more than 100 queues of one process"):
        queues.watch_queue("one-more", oldest=broken)


def test_the_door_leads_to_the_figures_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from mainstay.observability import watch_queue

    monkeypatch.setattr(FIGURES, "sources", {})
    monkeypatch.setattr(module.QUEUES, "_queues", {})
    watch_queue("letters", oldest=lambda: None, limit=PATIENT)
    assert {OLD, FAILURES} <= {figure.name for figure in FIGURES.read()}
    module.QUEUES._queues["letters"].asked.stop()
