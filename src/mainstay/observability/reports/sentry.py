"""Error reports through sentry-sdk: started, taken from Django, capped and sent."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from mainstay.base import environment, wire
from mainstay.base.context import REQUEST
from mainstay.observability import scrubbing
from mainstay.observability.figures import register
from mainstay.observability.output import UNWATCHED
from mainstay.observability.reports.contents import describe_request
from mainstay.observability.reports.filtering import PER_MINUTE, SUMMARY, Reports

SILENT_LOGGERS = (
    "django.request",  # the same errors come with their traceback from the signal
    "django.server",
    "django.security.DisallowedHost",
    "mainstay.access",  # one per request: neither an error nor worth a breadcrumb
)

UNDELIVERED = frozenset({"network_error", "send_error", "queue_overflow", "ratelimit_backoff"})
"""sentry-sdk's reasons for a loss that have to do with the way, and not with what is wanted."""

UNKNOWN = "unknown"
"""What a supervisor says of the release that runs outside of git and was not told."""

SENDER = "sentry-sdk.BackgroundWorker"
"""The thread from which sentry-sdk sends."""

_logger = logging.getLogger("mainstay.observability")


def _send_summary(count: int) -> None:
    sentry = sys.modules.get("sentry_sdk")
    if sentry is not None:
        message = f"{count} error reports of this process were dropped within a minute"
        sentry.capture_event({"level": "warning", "message": message, "fingerprint": [SUMMARY]})


REPORTS = Reports(_send_summary)
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
    REPORTS = Reports(_send_summary, per_minute)
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
    _listen_to_losses(sentry_sdk.get_client().transport)
    return True


def defaults(dsn: str) -> dict[str, Any]:
    """What `setup` passes to ``sentry_sdk.init``."""
    return {
        "dsn": dsn,
        "release": _release(),
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


def _release() -> str | None:
    """Ours, unless the supervisor could not tell it and somebody else can."""
    ours, theirs = environment.text(wire.RELEASE), environment.text("SENTRY_RELEASE")
    return (theirs or ours if ours == UNKNOWN else ours or theirs) or None


def _listen_to_losses(transport: Any) -> None:
    """Hear of reports that the transport gives up. Its client's own lines about each try are left out."""
    if transport is None:
        return
    others = transport.record_lost_event

    def note(reason: str, data_category: Any = None, item: Any = None, **more: Any) -> None:
        if reason in UNDELIVERED and (item.data_category if item is not None else data_category) == "error":
            REPORTS.note_lost(reason)
        others(reason, data_category, item, **more)

    transport.record_lost_event = note
    logging.getLogger("urllib3.connectionpool").addFilter(_is_not_of_sender)


def _is_not_of_sender(record: logging.LogRecord) -> bool:
    return record.threadName != SENDER


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


def report_failure(error: BaseException) -> None:
    """
    Report an error of the database that was answered with 503, where somebody has to see to it.

    All of an outage are one issue; what was rolled back in favor of another request is one for each route.
    A few a minute are sent: enough to know, and no flood. Nothing is sent of other errors.
    """
    if is_active() and REPORTS.wants(error):
        _capture((type(error), error, error.__traceback__), REQUEST.get(), handled=True)


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
