"""
For code that uses OpenTelemetry's API: it finds the request's trace as its current span.

Where the project has set no provider of spans, `setup` registers Mainstay's: spans that are started through the
API, by the project or by an instrumentation of a library, are recorded below the request's and sent by
Mainstay's exporter. With a provider of the project's own, such as OpenTelemetry's SDK, that one records, below
the request's span, with the same trace id and the same decision about sampling.

Nothing of OpenTelemetry is imported here: as long as nobody has loaded it there is nobody to tell.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Any, Protocol

from mainstay.base import tracecontext
from mainstay.base.errors import OperationFailed
from mainstay.base.tracecontext import TraceContext
from mainstay.observability.spans import Span

API = "opentelemetry.trace"
SDK = "opentelemetry.sdk"
CHOSEN = "OTEL_PYTHON_TRACER_PROVIDER"
"""The API's own variable for a provider that it is to load."""


class Told(Protocol):
    """What was told of a span while it was open."""

    def complete(self, span: Span) -> None:
        """Add it to the finished span, and take no more."""


class Opened(Told, Protocol):
    """A span of Mainstay's that is OpenTelemetry's current one as well."""

    def leave(self) -> None:
        """Let the one before be current again."""


_speaker: Any = None
_is_ours = False


def setup(wanted: bool | None, tracing: Any) -> bool:
    """
    Register Mainstay's provider of spans with OpenTelemetry's API, and say whether it is the registered one.

    Args:
        wanted: ``False``: leave the place to the project. ``True``: take it, unless another has it already.
            ``None``: take it, unless OpenTelemetry's SDK is installed, which is there to be set up.
        tracing: What decides and sends.

    Raises:
        OperationFailed: It is wanted, and the API is not installed.
    """
    global _is_ours
    is_there = _is_installed(API)
    if wanted and not is_there:
        hint = 'pip install "django-mainstay[opentelemetry]"'
        raise OperationFailed("observability.no-opentelemetry", "opentelemetry-api is not installed", hint)
    if not is_there or wanted is False or CHOSEN in os.environ or (wanted is None and _is_installed(SDK)):
        return False
    from mainstay.observability.interop import current, tracer

    if _is_ours := tracer.register(tracing):
        tracecontext.follow(current.innermost)
    return _is_ours


def enter(trace: TraceContext) -> None:
    """Make this trace OpenTelemetry's current one, if OpenTelemetry is in use."""
    if API in sys.modules:
        _speak().enter(trace, _is_ours)


def leave() -> None:
    """Let OpenTelemetry have no current span again."""
    if API in sys.modules:
        _speak().leave()


def open_span(trace: TraceContext) -> Opened | None:
    """Make a span of Mainstay's OpenTelemetry's current one, where spans of the API are Mainstay's, too."""
    return _speak().Opened(trace) if _is_ours else None


def _speak() -> Any:
    """The module that knows the API. Importing it waits for whoever is importing that right now."""
    global _speaker
    if _speaker is None:
        try:
            from mainstay.observability.interop import current
        except ImportError:  # something of that name, or of an age, that is not known here
            _speaker = _Nobody
        else:
            _speaker = current
    return _speaker


class _Nobody:
    """Is told of requests where there is nobody to tell."""

    @staticmethod
    def enter(trace: TraceContext, recorded: bool) -> None:
        pass

    @staticmethod
    def leave() -> None:
        pass


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # a package above it is missing
        return False
