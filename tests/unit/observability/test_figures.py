"""The place where capabilities put their figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import generate_latest

from mainstay.base.errors import InvalidInput
from mainstay.http.metrics import Metrics
from mainstay.observability.figures import SAMPLES_LIMIT, Count, Figure, Registry

FAILURES = "mainstay_metrics_source_failures_total"


def test_every_source_is_asked_at_each_reading() -> None:
    registry, count = Registry(), Count()
    registry.register("cache", lambda: [Figure("mainstay_cache_hits_total", "Hits.", count.value, "counter")])
    count.add(3)
    assert [figure.value for figure in registry.read() if figure.name != FAILURES] == [3]
    count.add()
    assert [figure.value for figure in registry.read() if figure.name != FAILURES] == [4]
    registry.unregister("cache")
    registry.unregister("cache")
    assert [figure for figure in registry.read() if figure.name != FAILURES] == []
    registry.register("cache", list)


def test_a_second_source_of_one_name_is_refused_and_the_same_one_is_not() -> None:
    """The first would be asked no more, and nobody would be told. A module that is imported again is no second one."""

    def carts() -> list[Figure]:
        return [Figure("shop_carts", "Carts.", 1)]

    registry = Registry()
    registry.register("carts", carts)
    registry.register("carts", carts)
    with pytest.raises(InvalidInput) as caught:
        registry.register("carts", lambda: [Figure("shop_old_carts", "Carts.", 2)])
    (problem,) = caught.value.problems
    assert problem.id == "metrics.second-source"
    assert problem.where.startswith(f"{__file__}:")
    assert f"{__file__}:" in problem.found
    assert [figure.name for figure in registry.read() if figure.name != FAILURES] == ["shop_carts"]


@pytest.mark.parametrize(
    ("capability", "source", "found"),
    [("carts", 5, "5"), ("carts", None, "None"), ("", list, "''"), (len, list, "<built-in function len>")],
)
def test_what_is_no_source_is_refused_where_it_stands(capability: Any, source: Any, found: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Registry().register(capability, source)
    (problem,) = caught.value.problems
    assert (problem.id, problem.found) == ("metrics.bad-source", found)
    assert problem.where.startswith(f"{__file__}:")


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


@pytest.mark.parametrize(
    "given",
    [
        {"name": "a name with blanks"},
        {"name": ""},
        {"value": None},
        {"value": "7"},
        {"kind": "histogram"},
        {"labels": (("a-b", "x"),)},
        {"labels": (("queue", 7),)},
    ],
)
def test_a_figure_that_nobody_can_read_costs_no_page(given: dict[str, Any]) -> None:
    def careless() -> Iterator[Figure]:
        yield Figure(**{"name": "mainstay_x", "help": "X.", "value": 1, **given})

    registry = Registry()
    registry.register("careless", careless)
    registry.register("sound", lambda: [Figure("mainstay_sound", "Sound.", 2)])
    page = generate_latest(Metrics(figures=registry).registry).decode()
    assert "mainstay_sound 2.0" in page
    assert f'{FAILURES}{{capability="careless"}} 1.0' in page


def test_a_source_without_end_is_cut_and_counted() -> None:
    def endless() -> Iterator[Figure]:
        number = 0
        while True:
            yield Figure("mainstay_x", "X.", number)
            number += 1

    registry = Registry()
    registry.register("endless", endless)
    figures = list(registry.read())
    assert sum(figure.name != FAILURES for figure in figures) == SAMPLES_LIMIT
    assert [figure.value for figure in figures if figure.name == FAILURES] == [1]

    registry.unregister("endless")
    registry.register("endless", lambda: [Figure("mainstay_x", "X.", 1)] * SAMPLES_LIMIT)
    assert [figure.value for figure in registry.read() if figure.name == FAILURES] == [1], "just enough"
