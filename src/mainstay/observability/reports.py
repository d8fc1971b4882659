"""
Error reports through sentry-sdk: what is sent, what is left out, what is attached.

Off, and sentry-sdk not even imported, without ``SENTRY_DSN``. Reports leave from sentry-sdk's
own thread, whose queue holds 100; what does not fit is lost, and no request waits.

Errors are taken where Django gives up on a request (``got_request_exception``) and from log
records of level ``ERROR``. sentry-sdk's Django integration is not used unless asked for: it works
on every request, this works on failed ones only.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from mainstay.base import environment, wire
from mainstay.base.context import REQUEST, REQUEST_ID, user_id
from mainstay.base.tracecontext import TRACE
from mainstay.observability import scrubbing
from mainstay.observability.figures import Count, Figure, register
from mainstay.observability.output import UNWATCHED

LOGROCKET_LIMIT = 500
"""Longest session URL that is believed; the header comes from a browser."""

PRINTABLE = re.compile(r"[!-~]+")

IGNORED = frozenset({"DisallowedHost", "RequestAborted", "ClientDisconnect", "CancelledError"})
"""Errors that a client causes by leaving or by asking for the wrong host."""

SILENT_LOGGERS = (
    "django.request",  # the same errors come with their traceback from the signal
    "django.server",
    "django.security.DisallowedHost",
    "mainstay.access",  # one per request: neither an error nor worth a breadcrumb
)

PER_MINUTE = 60
"""Reports of one process in a minute; the rest is counted and told in one summary."""

OUTAGES_PER_MINUTE = 6
"""Of these, reports that the database cannot be reached, which every request would send."""

OUTAGE = "database-unavailable"
SUMMARY = "reports-dropped"
MINUTE = 60.0
CHAIN_LIMIT = 10

OUTAGE_STATES = ("08", "57P", "53300", "25006")
"""SQLSTATE prefixes: connection lost, server shutting down, too many connections, demoted primary."""

OUTAGE_NAMES = frozenset({"PoolTimeout", "TooManyRequests", "PoolClosed"})
MYSQL_OUTAGES = frozenset({2002, 2003, 2006, 2013})

Event = dict[str, Any]

_logger = logging.getLogger("mainstay.observability")


class Cap:
    """So many in a minute, then none until the next."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._since = clock()
        self._taken = 0

    def has_room(self) -> bool:
        """Whether `take` would say yes; asked before something dear is made for it."""
        return self._taken < self._limit or self._clock() - self._since >= MINUTE

    def take(self) -> bool:
        with self._lock:
            now = self._clock()
            if now - self._since >= MINUTE:
                self._since, self._taken = now, 0
            self._taken += 1
            return self._taken <= self._limit


class Reports:
    """What happens to an event between sentry-sdk and its transport."""

    def __init__(
        self,
        per_minute: int = PER_MINUTE,
        summarize: Callable[[int], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
        minute: float = MINUTE,
    ) -> None:
        self.dropped = {reason: Count() for reason in ("cap", "outage", "scrubbing")}
        self._cap = Cap(per_minute, clock)
        self._outages = Cap(min(OUTAGES_PER_MINUTE, per_minute), clock)
        self._summarize = summarize
        self._minute = minute
        self._pending = 0
        self._lock = threading.Lock()

    def has_room_for_outage(self) -> bool:
        """Whether one more outage would be sent; counts it where not, so that nothing is built in vain."""
        if self._outages.has_room():
            return True
        self._drop("outage")
        return False

    def before_send(self, event: Event, hint: Mapping[str, Any]) -> Event | None:
        """The event as it may leave, or None. What cannot be scrubbed does not leave."""
        if event.get("fingerprint") == [SUMMARY]:
            return event
        if _is_ignored(hint):
            return None
        if is_outage(_error(hint)):
            event["fingerprint"] = [OUTAGE]
            if not self._outages.take():
                self._drop("outage")
                return None
        if not self._cap.take():
            self._drop("cap")
            return None
        try:
            return scrubbed(attach_request(event, hint))
        except Exception:  # what cannot be scrubbed must not leave; the drop is counted
            self._drop("scrubbing")
            return None

    def before_send_transaction(self, event: Event, hint: Mapping[str, Any]) -> Event | None:
        """sentry-sdk's own traces, for those who ask for them: scrubbed as well."""
        return scrubbed(event)

    def figures(self) -> Iterator[Figure]:
        for reason, count in self.dropped.items():
            yield Figure(
                "mainstay_reports_dropped_total",
                "Error reports that did not leave: over the cap, one of an outage's many, or not to be scrubbed.",
                count.value,
                "counter",
                (("reason", reason),),
            )

    def _drop(self, reason: str) -> None:
        self.dropped[reason].add()
        with self._lock:
            self._pending += 1
            if self._pending > 1:
                return
        timer = threading.Timer(self._minute, self._tell)
        timer.daemon = True
        timer.start()

    def _tell(self) -> None:
        with self._lock:
            count, self._pending = self._pending, 0
        _logger.warning("error reports were dropped", extra={"dropped": count})
        (self._summarize or _send_summary)(count)


REPORTS = Reports()
register("reports", lambda: REPORTS.figures())


def setup(*, per_minute: int = PER_MINUTE, **options: Any) -> bool:
    """
    Start error reports if ``SENTRY_DSN`` is set, and say whether they run.

    Call it in the settings file; ``options`` go to ``sentry_sdk.init`` and win over
    the defaults here. Without sentry-sdk installed there are no reports; the process says so once it has
    started, and the system check ``mainstay.W211`` does.

    Args:
        per_minute: Reports of one process in a minute; what is over is counted.

    Raises:
        InvalidInput: ``SENTRY_DSN`` is no address of a project.
    """
    global REPORTS
    dsn = environment.text(wire.SENTRY_DSN)
    if not dsn:
        return False
    try:
        import sentry_sdk
        from sentry_sdk.integrations.logging import ignore_logger
        from sentry_sdk.utils import BadDsn
    except ImportError:
        return False
    REPORTS = Reports(per_minute)
    scrubbing.learn_environment()
    before = logging.Logger.callHandlers
    try:
        sentry_sdk.init(**{**defaults(dsn), **options})
    except BadDsn:  # it holds a key, and sentry-sdk's message parts of it
        expected, found = "https://KEY@HOST/PROJECT", "a value that is not shown"
        raise environment.invalid(wire.SENTRY_DSN, expected, found) from None
    for name in SILENT_LOGGERS:
        ignore_logger(name)
    if before in UNWATCHED and not _takes_lines(sentry_sdk.get_client().options):
        UNWATCHED.append(logging.Logger.callHandlers)  # wrapped, and passing these loggers by
    if sentry_sdk.get_client().get_integration("django") is None:
        _listen_to_django()
    return True


def defaults(dsn: str) -> dict[str, Any]:
    """What `setup` passes to ``sentry_sdk.init``."""
    return {
        "dsn": dsn,
        "release": environment.text(wire.RELEASE) or environment.text("SENTRY_RELEASE") or None,
        "environment": environment.text("SENTRY_ENVIRONMENT") or environment.text(wire.SYSTEM, "development"),
        "server_name": environment.text(wire.REPLICA) or None,
        "traces_sample_rate": None,  # not even asked about: traces go to OpenTelemetry
        "trace_propagation_targets": [],  # and none of its headers to those we call
        "auto_enabling_integrations": False,
        "auto_session_tracking": False,
        "max_request_body_size": "never",
        "max_breadcrumbs": 30,
        "before_send": REPORTS.before_send,
        "before_send_transaction": REPORTS.before_send_transaction,
    }


def _takes_lines(options: Mapping[str, Any]) -> bool:
    """Whether sentry-sdk sends log lines as such, those of silent loggers included."""
    return bool(options.get("enable_logs") or (options.get("_experiments") or {}).get("enable_logs"))


def is_active() -> bool:
    """Whether reports go anywhere from this process."""
    sentry = sys.modules.get("sentry_sdk")
    return sentry is not None and sentry.get_client().is_active()


def find_gap() -> str:
    """Why nobody is told of errors although ``SENTRY_DSN`` is set; empty where all is well, or not wanted."""
    if not environment.text(wire.SENTRY_DSN) or is_active():
        return ""
    return "the settings start no error reports" if find_spec("sentry_sdk") else "sentry-sdk is not installed"


def tell_gap() -> None:
    """Say it in the log, once the project's ``LOGGING`` stands."""
    if gap := find_gap():
        _logger.warning("errors of this process are reported to nobody: SENTRY_DSN is set, and %s", gap)


def begin_request() -> None:
    """
    Give a request a Sentry scope of its own, so that tags and breadcrumbs do not mix.

    The scope is made when something is put into it; until then this costs a tenth of a
    microsecond, and nothing where reports are off.
    """
    if _listening:
        sys.modules["sentry_sdk"].Scope.set_isolation_scope(None)


def report_outage(error: BaseException) -> None:
    """
    Report an error that was answered with 503 because the database cannot be reached.

    All of them are one issue, and a few a minute are sent: enough to know, and no flood.
    """
    if is_active() and is_outage(error) and REPORTS.has_room_for_outage():
        _capture((type(error), error, error.__traceback__), REQUEST.get(), handled=True)


def attach_request(event: Event, hint: Mapping[str, Any]) -> Event:
    """Add the request id, the trace, the service, the user's key and the LogRocket session."""
    tags = event.setdefault("tags", {})
    if request_id := REQUEST_ID.get():
        tags["request_id"] = request_id
    if service := environment.text(wire.SERVICE):
        tags["service"] = service
    if trace := TRACE.get():
        tags["trace_id"] = trace.trace_id
        told = {"trace_id": trace.trace_id, "span_id": trace.span_id}
        event.setdefault("contexts", {}).setdefault("trace", {}).update(told)
    if REQUEST.get() is not None and (user := user_id()):
        event["user"] = {"id": user}
    if session := logrocket_session(_headers(event)):
        tags["logrocket"] = session[:200]
        event.setdefault("contexts", {})["logrocket"] = {"session_url": session}
    return event


def scrubbed(event: Event) -> Event:
    """The event without secrets, wherever in it they stand."""
    request = REQUEST.get()
    secrets = () if request is None else scrubbing.request_secrets(request)
    told = event.get("request")
    if isinstance(told, dict) and isinstance(told.get("query_string"), str):
        told["query_string"] = scrub_query(told["query_string"])
    clean = scrubbing.scrub(event, secrets, scrubbing.REPORT)
    if not isinstance(clean, dict):
        raise TypeError("an event is a dictionary")
    return clean


def describe_request(request: Any) -> Event:
    """A request as Sentry shows it: without its body, its cookies and its address's query."""
    meta: Mapping[str, Any] = request.META
    headers = {
        name[5:].replace("_", "-").title(): str(value)
        for name, value in meta.items()
        if name.startswith("HTTP_") and name != "HTTP_COOKIE"
    }
    match = getattr(request, "resolver_match", None)
    route = str(match.route) if match is not None else ""
    host = scrubbing.scrub_text(str(meta.get("HTTP_HOST") or meta.get("SERVER_NAME") or ""), 300)
    return {
        "method": request.method,
        "url": f"{request.scheme}://{host}{scrubbing.scrub_path(request.path, route)}",
        "query_string": scrub_query(meta.get("QUERY_STRING", "")),
        "headers": headers,
    }


def scrub_query(query: str) -> str:
    """A query without the values of parameters with secret names, and without values that look secret."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=200)
    except ValueError:
        return scrubbing.MASK
    return urlencode([(name, scrubbing.scrub_named(name, value)) for name, value in pairs], safe="() ")


def logrocket_session(headers: Mapping[str, str]) -> str | None:
    """The session URL that the browser sent, if it is one: https, printable, of bounded length."""
    wanted = wire.LOGROCKET_URL.lower()
    value = next((value for name, value in headers.items() if name.lower() == wanted), "")
    if len(value) > LOGROCKET_LIMIT or not PRINTABLE.fullmatch(value):
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    return value if parts.scheme == "https" and parts.hostname else None


def is_outage(error: BaseException | None) -> bool:
    """Whether the error, or one that it came from, means that the database cannot be reached."""
    for _ in range(CHAIN_LIMIT):
        if error is None:
            return False
        if _is_outage(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_outage(error: BaseException) -> bool:
    kind = type(error)
    module = kind.__module__.partition(".")[0]
    if module in ("psycopg_pool", "psycopg", "psycopg2"):
        state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
        broken = kind.__name__ in ("OperationalError", "InterfaceError", "ConnectionTimeout")
        return kind.__name__ in OUTAGE_NAMES or (str(state).startswith(OUTAGE_STATES) if state else broken)
    return kind.__name__ == "OperationalError" and bool(error.args) and error.args[0] in MYSQL_OUTAGES


_listening = False


def _listen_to_django() -> None:
    global _listening
    try:
        from django.core.signals import got_request_exception
    except ImportError:
        return
    got_request_exception.connect(_report_failed, dispatch_uid="mainstay.observability.reports")
    _listening = True


def _report_failed(sender: Any, request: Any = None, **kwargs: Any) -> None:
    """Sent while the error is being handled; never disturbs the answer."""
    exc_info = sys.exc_info()
    if is_active() and exc_info[1] is not None:
        _capture(exc_info, request, handled=False)


def _capture(exc_info: Any, request: Any, *, handled: bool) -> None:
    sentry = sys.modules["sentry_sdk"]
    try:
        options = sentry.get_client().options
        mechanism = {"type": "django", "handled": handled}
        event, hint = sentry.utils.event_from_exception(exc_info, client_options=options, mechanism=mechanism)
        if request is not None:
            event["request"] = describe_request(request)
            match = getattr(request, "resolver_match", None)
            event["transaction"] = match.route if match is not None else None
        sentry.capture_event(event, hint=hint)
    except Exception as error:  # a report that cannot be made must not become the client's problem
        _logger.warning("an error report could not be made: %s", type(error).__name__)


def _send_summary(count: int) -> None:
    sentry = sys.modules.get("sentry_sdk")
    if sentry is not None:
        message = f"{count} error reports of this process were dropped within a minute"
        sentry.capture_event({"level": "warning", "message": message, "fingerprint": [SUMMARY]})


def _headers(event: Mapping[str, Any]) -> Mapping[str, str]:
    headers = event.get("request", {}).get("headers", {})
    return headers if isinstance(headers, Mapping) else {}


def _error(hint: Mapping[str, Any]) -> BaseException | None:
    exc_info = hint.get("exc_info")
    return exc_info[1] if exc_info else None


def _is_ignored(hint: Mapping[str, Any]) -> bool:
    exc_info = hint.get("exc_info")
    if exc_info and any(kind.__name__ in IGNORED for kind in exc_info[0].__mro__):
        return True
    record = hint.get("log_record")
    return record is not None and record.name == "django.security.DisallowedHost"
