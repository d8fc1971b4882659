"""The one call, and the loggers of libraries that come with handlers of their own."""

from __future__ import annotations

import json
import logging
import logging.config
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest

from mainstay import settings as mainstay
from mainstay.base.errors import InvalidInput
from mainstay.observability import settings as observability
from mainstay.observability import traces


@pytest.fixture
def untouched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Loggers and traces as they were."""
    names = ["", *observability.JOINED, *observability.QUIET]
    before = {name: _state(logging.getLogger(name)) for name in names}
    monkeypatch.setattr(traces, "TRACING", traces.Tracing())
    for name in ("SENTRY_DSN", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    yield
    for name, (handlers, level, propagate) in before.items():
        logger = logging.getLogger(name)
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


def _state(logger: logging.Logger) -> tuple[list[logging.Handler], int, bool]:
    return logger.handlers[:], logger.level, logger.propagate


@pytest.mark.usefixtures("untouched")
def test_one_call_sets_logs_and_traces_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert mainstay.observability() == mainstay.logging()
    assert traces.TRACING.exporter is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    mainstay.observability(sampled=0.25)
    assert traces.TRACING.exporter is not None
    assert traces.TRACING.sampler.ratio == 0.25
    with pytest.raises(InvalidInput):
        mainstay.observability(sampled=2.0)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "name",
    [
        "uvicorn",
        "uvicorn.error",
        "granian.access",
        "_granian",
        "django.server",
        "django.request",
        "celery.task",
    ],
)
def test_libraries_write_the_same_lines_once(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger(name)
    logger.addHandler(logging.StreamHandler(sys.stdout))
    logger.propagate = False
    logging.config.dictConfig(mainstay.logging())
    logger.error("it failed with token=%s", "c4nary")
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["event"] == "it failed with token=(masked)"
    assert json.loads(line)["logger"] == name


@pytest.mark.usefixtures("untouched")
def test_a_celery_worker_leaves_the_log_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery asks its signal ``setup_logging``: with a receiver connected it changes no logger."""
    connected: list[Any] = []
    signals = types.ModuleType("celery.signals")
    signals.setup_logging = types.SimpleNamespace(  # type: ignore[attr-defined]
        connect=lambda receiver, **options: connected.append((receiver, options))
    )
    monkeypatch.setitem(sys.modules, "celery", types.ModuleType("celery"))
    monkeypatch.setitem(sys.modules, "celery.signals", signals)
    mainstay.logging()
    ((receiver, options),) = connected
    assert receiver() is None
    assert options["weak"] is False


@pytest.mark.usefixtures("untouched")
def test_celery_is_not_imported_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "celery", raising=False)
    mainstay.logging()
    assert "celery" not in sys.modules
