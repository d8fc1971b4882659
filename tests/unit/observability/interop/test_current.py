"""
OpenTelemetry's API sees the request's trace.

OpenTelemetry is no dependency, so the calls are checked against a stand-in of its modules; with the
real ones installed (``bench/peers.txt``) the same test runs against them.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from mainstay.base.tracecontext import TraceContext
from mainstay.health.lifecycle import Lifecycle
from mainstay.http.entrance.wsgi import WsgiEntrance
from mainstay.observability import interop
from tests.unit.http.calling import call_wsgi

TRACE = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", 3, "a=1")


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """``opentelemetry.trace``: the real one, or one with the same names that keeps what is attached."""
    if importlib.util.find_spec("opentelemetry"):
        import opentelemetry.trace

        yield opentelemetry.trace
        return
    current: list[Any] = [{}]
    trace, context = types.ModuleType("opentelemetry.trace"), types.ModuleType("opentelemetry.context")
    context.__dict__.update(Context=dict, attach=current.append)
    trace.__dict__.update(
        NonRecordingSpan=lambda told: SimpleNamespace(get_span_context=lambda: told),
        SpanContext=lambda **told: SimpleNamespace(is_valid=True, **told),
        TraceFlags=int,
        TraceState=SimpleNamespace(from_header=lambda headers: dict(part.split("=") for part in headers)),
        set_span_in_context=lambda span, context: {**context, "span": span},
        get_current_span=lambda: current[-1].get("span", SimpleNamespace(get_span_context=lambda: _INVALID)),
    )
    for name, module in {
        "opentelemetry": types.ModuleType("opentelemetry"),
        "opentelemetry.trace": trace,
        "opentelemetry.context": context,
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    yield trace


_INVALID = SimpleNamespace(is_valid=False)


def test_the_current_span_is_the_requests_until_it_ends(api: Any) -> None:
    interop.enter(TRACE)
    found = api.get_current_span().get_span_context()
    assert (found.trace_id, found.span_id) == (int(TRACE.trace_id, 16), int(TRACE.span_id, 16))
    assert (found.trace_flags, found.trace_state.get("a")) == (1, "1")
    interop.leave()
    assert not api.get_current_span().get_span_context().is_valid


def test_the_entrance_enters_and_leaves(api: Any) -> None:
    """Else what a thread does next, for nobody or for another client, would go into the last request's trace."""
    seen: list[Any] = []

    def application(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(api.get_current_span().get_span_context().is_valid)
        start_response("200 OK", [])
        return [b"ok"]

    call_wsgi(WsgiEntrance(application, process=Lifecycle()), "/")
    seen.append(api.get_current_span().get_span_context().is_valid)
    assert seen == [True, False]


def test_an_unsampled_request_tells_that_it_is(api: Any) -> None:
    interop.enter(TraceContext(TRACE.trace_id, TRACE.span_id))
    assert api.get_current_span().get_span_context().trace_flags == 0
    interop.leave()


def test_nothing_is_imported_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "opentelemetry.trace", raising=False)
    interop.enter(TRACE)
    interop.leave()
    assert "opentelemetry.trace" not in sys.modules
