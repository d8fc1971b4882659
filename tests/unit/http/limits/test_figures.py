from __future__ import annotations

from mainstay.http.limits.engine import Engine
from mainstay.http.limits.figures import FIGURES
from mainstay.http.limits.options import Options
from mainstay.http.metrics import render

from .fleet import Clock, Memory, budget


def test_what_was_decided_is_on_the_page_for_prometheus() -> None:
    clock = Clock()
    store = Memory(clock)
    engine = Engine(Options(prefix="test"), store, clock, FIGURES)
    for _ in range(3):
        engine.take(budget("2/m", "figures-test"), "a")
    store.error = ConnectionError()
    engine.take(budget("2/m", "figures-test"), "b")
    page = render()[0].decode()
    name = "mainstay_http_rate_limit"
    assert f'{name}_decisions_total{{outcome="allowed",scope="figures-test"}} 3.0' in page
    assert f'{name}_decisions_total{{outcome="limited",scope="figures-test"}} 1.0' in page
    assert f'{name}_unavailable_total{{scope="figures-test"}} 1.0' in page
    assert f"{name}_keys 2.0" in page
