"""Who gives OpenTelemetry's API its spans: Mainstay, or the project, which always wins if it is first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.unit.observability.collector import CollectorServer

WITHOUT_SDK = "import sys; sys.modules['opentelemetry.sdk'] = None\n"
WITHOUT_API = "import sys; sys.modules['opentelemetry'] = None\n"
SETTINGS = "from mainstay import settings as mainstay\nmainstay.observability({})\n"
REQUEST = """
from mainstay.health.lifecycle import Lifecycle
from mainstay.http.entrance.wsgi import WsgiEntrance
from mainstay.observability import TRACING
from tests.unit.http.calling import call_wsgi

def application(environ, start_response):
    with TRACING.span("ours"):
        try:
            from opentelemetry import trace
        except ImportError:
            pass
        else:
            with trace.get_tracer("shop").start_as_current_span("theirs"):
                TRACING.child("within", 1, 0.0, {})
    start_response("200 OK", [])
    return [b"ok"]

caller = {"HTTP_TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
call_wsgi(WsgiEntrance(application, process=Lifecycle()), "/", **caller)
TRACING.exporter.flush(20)
"""
PROVIDER = """
import json
from opentelemetry import trace
print(json.dumps(type(trace.get_tracer_provider()).__name__))
"""
SDK = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
memory = InMemorySpanExporter()
provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)
"""


def run(code: str, endpoint: str = "http://127.0.0.1:9", **env: str) -> Any:
    """What this program prints, in a process of its own: the API keeps its provider for good."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, **environ, **env},
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


@pytest.mark.parametrize(
    ("before", "options", "env", "provider"),
    [
        (WITHOUT_SDK, "", {}, "MainstayTracerProvider"),
        (WITHOUT_SDK, "opentelemetry=False", {}, "ProxyTracerProvider"),
        (WITHOUT_SDK, "", {"OTEL_SDK_DISABLED": "true"}, "ProxyTracerProvider"),
        (WITHOUT_SDK, "", {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, "ProxyTracerProvider"),
        ("", "", {}, "ProxyTracerProvider"),  # the SDK is installed: the project may still set it up
        ("", "opentelemetry=True", {}, "MainstayTracerProvider"),
        ("", "opentelemetry=True", {"OTEL_PYTHON_TRACER_PROVIDER": "sdk_tracer_provider"}, "TracerProvider"),
        (SDK, "", {}, "TracerProvider"),
        (SDK, "opentelemetry=True", {}, "TracerProvider"),
        ("", "opentelemetry=True); mainstay.observability(opentelemetry=True", {}, "MainstayTracerProvider"),
    ],
)
def test_who_is_the_provider(before: str, options: str, env: dict[str, str], provider: str) -> None:
    (found,), _ = run(before + SETTINGS.format(options) + PROVIDER, **env)
    assert found == provider


def test_a_provider_that_the_api_is_to_load_is_loaded_when_it_is_needed() -> None:
    """Else a mistake in its name would stop the settings, which are about something else."""
    run(SETTINGS.format("opentelemetry=True"), OTEL_PYTHON_TRACER_PROVIDER="nonsense")


@pytest.fixture
def collector() -> Any:
    server = CollectorServer()
    yield server
    server.end()


def test_spans_of_the_api_arrive_between_mainstays(collector: CollectorServer) -> None:
    run(WITHOUT_SDK + SETTINGS.format("") + REQUEST, collector.endpoint)
    spans = {span["name"]: span for span in collector.wait(4)}
    for name, parent in {"ours": "GET", "theirs": "ours", "within": "theirs"}.items():
        assert spans[name]["parentSpanId"] == spans[parent]["spanId"], name
    assert {name: span["scope"] for name, span in spans.items()} == {
        "GET": "mainstay",
        "ours": "mainstay",
        "theirs": "shop",
        "within": "mainstay",
    }


@pytest.mark.parametrize("is_first", [True, False])
def test_a_project_with_the_sdk_keeps_it(collector: CollectorServer, is_first: bool) -> None:
    """Its spans lie below the request's, whether it is set up before Mainstay or after."""
    parts = [SDK, SETTINGS.format("")] if is_first else [SETTINGS.format(""), SDK]
    told = (
        "import json\nfor span in memory.get_finished_spans():\n"
        "    print(json.dumps([span.name, f'{span.parent.span_id:016x}']))\n"
    )
    printed, errors = run("".join(parts) + REQUEST + told, collector.endpoint)
    spans = {span["name"]: span for span in collector.wait(3)}
    assert printed == [["theirs", spans["GET"]["spanId"]]]
    assert set(spans) == {"GET", "ours", "within"}
    assert "Overriding" not in errors


def test_without_the_api_everything_else_works(collector: CollectorServer) -> None:
    run(WITHOUT_API + SETTINGS.format("") + REQUEST, collector.endpoint)
    assert {span["name"] for span in collector.wait(2)} == {"GET", "ours"}


def test_without_the_api_it_cannot_be_wanted() -> None:
    code = SETTINGS.replace("mainstay.observability({})", "") + (
        "import json\ntry:\n    mainstay.observability(opentelemetry=True)\n"
        "except Exception as error:\n    print(json.dumps([error.id, error.hint]))\n"
    )
    (told,), _ = run(WITHOUT_API + code)
    assert told == ["observability.no-opentelemetry", 'pip install "django-mainstay[opentelemetry]"']
