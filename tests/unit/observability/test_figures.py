"""The place where capabilities put their figures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mainstay.observability.figures import SAMPLES_LIMIT, Count, Figure, Registry

FAILURES = "mainstay_metrics_source_failures_total"


def test_every_source_is_asked_at_each_reading() -> None:
    registry, count = Registry(), Count()
    registry.register("cache", lambda: [Figure("mainstay_cache_hits_total", "Hits.", count.value, "counter")])
    count.add(3)
    assert [figure.value for figure in registry.read() if figure.name != FAILURES] == [3]
    count.add()
    assert [figure.value for figure in registry.read() if figure.name != FAILURES] == [4]
    registry.register("cache", list)
    assert [figure for figure in registry.read() if figure.name != FAILURES] == []
    registry.unregister("cache")
    registry.unregister("cache")


def test_a_source_that_fails_costs_its_own_figures_only(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Iterator[Figure]:
        yield Figure("mainstay_half", "Half.", 1)
        raise RuntimeError("the server is gone")

    registry = Registry()
    registry.register("broken", broken)
    registry.register("sound", lambda: [Figure("mainstay_sound", "Sound.", 2)])
    for reading in (1, 2):
        figures = list(registry.read())
        assert [figure.name for figure in figures if figure.name != FAILURES] == ["mainstay_sound"]
        failures = {figure.labels[0][1]: figure.value for figure in figures if figure.name == FAILURES}
        assert failures == {"broken": reading, "sound": 0}
    assert len(caplog.records) == 1


def test_a_source_without_end_is_cut() -> None:
    def endless() -> Iterator[Figure]:
        number = 0
        while True:
            yield Figure("mainstay_x", "X.", number)
            number += 1

    registry = Registry()
    registry.register("endless", endless)
    assert sum(figure.name != FAILURES for figure in registry.read()) == SAMPLES_LIMIT
