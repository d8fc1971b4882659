"""
Error reports through sentry-sdk: what is sent, what is left out, what is attached.

Off, and sentry-sdk not even imported, without ``SENTRY_DSN``. Reports leave from sentry-sdk's
own thread, whose queue holds 100; what does not fit is lost, and no request waits.

Errors are taken where Django gives up on a request (``got_request_exception``) and from log
records of level ``ERROR``. sentry-sdk's Django integration is not used unless asked for: it works
on every request, this works on failed ones only.
"""

from __future__ import annotations

from mainstay.observability.reports.sentry import begin_request, find_gap, report_failure, setup, tell_gap

__all__ = ["begin_request", "find_gap", "report_failure", "setup", "tell_gap"]
