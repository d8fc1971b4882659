"""
Which errors of the database are told the caller as something else than a fault of the code.

A pool with no connection left, a primary that is being replaced, a disk that is full: the same
request may succeed later, so the caller is told 503 and when to come back, in place of an error
500 and a traceback. A statement that reached its limit is 504 and told no time: the database is
well, and the same again would take as long. A transaction that was rolled back in favor of another
is 503 as well, since it would succeed now, and a defect of the code all the same: it is reported as one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.utils import InterfaceError, InternalError, OperationalError
from django.http.request import UnreadablePostError

from mainstay.base.deadline import DeadlineExceeded
from mainstay.http.problems import Problem
from mainstay.observability import Figure, register, reports
from mainstay.observability.figures import Count

RETRY_AFTER = 1
"""Seconds; a pool has a free connection again within one, and a failover takes little more."""

ROOM_AFTER = 5
"""Seconds; a full disk does not mend itself, and who comes every second only adds to what it cannot take."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One way in which a database fails a request."""

    name: str
    """The label of its count."""

    told: str
    """What the client reads after "Try again in a moment"."""

    noted: str = ""
    """What the log says, where that is more than a client shall know."""

    retry_after: int = RETRY_AFTER


HIDDEN_MOST = 20
"""Errors, each raised while the next was handled, among which one is looked for."""

CANNOT_ANSWER = "the database cannot answer now"
UNREACHABLE = Trouble("unreachable", "the database cannot be reached")
OUTCOME_UNKNOWN = Trouble("outcome-unknown", "the outcome is unknown: repeat with the same key")
IN_THE_WAY = "another request was in the way"
CONFLICT = Trouble(
    "conflict",
    IN_THE_WAY,
    "the database rolled the transaction back: it does not fit what others did meanwhile",
)
DEADLOCK = Trouble("deadlock", IN_THE_WAY, "the database rolled the transaction back to end a deadlock")
FILE_LOCKED = Trouble(
    "lock",
    CANNOT_ANSWER,
    "another connection held the SQLite file's lock for longer than `timeout` of its OPTIONS",
)
STATEMENT = Trouble("statement", "", "a statement took longer than `timeouts.statement`, or was canceled")
NAMES = {
    "PoolTimeout": Trouble("pool", "no database connection was free in time"),
    "TooManyRequests": Trouble("pool", "the database pool is full"),
}
"""By the name of psycopg_pool's error."""

STATES = {
    "08007": OUTCOME_UNKNOWN,
    "08": Trouble("unreachable", CANNOT_ANSWER, "the connection to the database was lost"),
    "57P": Trouble("unreachable", CANNOT_ANSWER, "the database server ends, or is starting"),
    "53300": Trouble("connections", CANNOT_ANSWER, "the database server has lent out all its connections"),
    "53": Trouble(
        "resources", CANNOT_ANSWER, "the database server has no disk space or memory left", ROOM_AFTER
    ),
    "58000": Trouble("resources", CANNOT_ANSWER, "the database server's own system failed it", ROOM_AFTER),
    "58030": Trouble(
        "resources", CANNOT_ANSWER, "the database server cannot read or write its files", ROOM_AFTER
    ),
    "25006": Trouble("read-only", CANNOT_ANSWER, "the database takes no writes: it is no primary any more"),
    "55P03": Trouble("lock", CANNOT_ANSWER, "a lock was not free within `timeouts.lock`"),
    "57014": STATEMENT,
    "40000": CONFLICT,
    "40001": CONFLICT,
    "40003": OUTCOME_UNKNOWN,
    "40P01": DEADLOCK,
}
"""
By SQLSTATE or how it begins, the longer first (PostgreSQL documentation, appendix A). Of class 40, "transaction
rollback", 40002 is missing: it is a constraint that is violated, and would be again.
"""

BUSY, LOCKED_SHAREDCACHE, BUSY_SNAPSHOT = 5, 262, 517
CODES = {BUSY: FILE_LOCKED, LOCKED_SHAREDCACHE: FILE_LOCKED, BUSY_SNAPSHOT: CONFLICT}
"""
By SQLite's extended result code, or the primary one in its last byte (https://www.sqlite.org/rescode.html).
SQLITE_LOCKED by itself, 6, is missing: it is the connection's own cursor that is in the way, each time.
"""

TROUBLES = (UNREACHABLE, OUTCOME_UNKNOWN, *NAMES.values(), *STATES.values(), *CODES.values())


def problem(error: BaseException) -> Problem | None:
    """The problem that an error is for its caller; ``None`` when it is a fault of the code, which is a 500."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, UnreadablePostError):
        return Problem(400, "incomplete-body")
    trouble = find(error)
    if trouble is None:
        return Problem(504, "deadline-exceeded") if isinstance(error, DeadlineExceeded) else None
    if trouble is STATEMENT:
        return Problem(504, "statement-timeout")
    slug = "outcome-unknown" if trouble is OUTCOME_UNKNOWN else "unavailable"
    detail = f"Try again in a moment: {trouble.told}."
    return Problem(503, slug, detail, retry_after=trouble.retry_after)


def find(error: BaseException) -> Trouble | None:
    """What is wrong with the database, or ``None`` for an error that is a real one."""
    # psycopg takes 25006 for an internal error, and all other states here for operational ones.
    if not isinstance(error, OperationalError | InterfaceError | InternalError | DeadlineExceeded):
        return None
    if _is_in_doubt(error):
        return OUTCOME_UNKNOWN
    if isinstance(error, DeadlineExceeded):
        return None
    cause = error.__cause__
    if known := NAMES.get(type(cause).__name__):
        return known
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        return next((trouble for begin, trouble in STATES.items() if state.startswith(begin)), None)
    code = getattr(cause, "sqlite_errorcode", None)
    if code is not None:
        return CODES.get(code) or CODES.get(code & 0xFF)
    is_lost = _is_from_psycopg(cause) and not isinstance(error, InternalError)
    return UNREACHABLE if is_lost else None


def _is_in_doubt(error: BaseException) -> bool:
    """
    Whether it is, or hides, the news that a commit may have been done.

    On its way out of ``atomic()`` Django connects anew, and where that fails as well, or the time is up, this is
    what is raised.
    """
    for _ in range(HIDDEN_MOST):
        if type(error).__name__ == "OutcomeUnknown":
            return True
        if error.__context__ is None:
            return False
        error = error.__context__
    return False


def _is_from_psycopg(cause: BaseException | None) -> bool:
    return type(cause).__module__.startswith("psycopg")


def note(error: BaseException) -> str:
    """
    Count what is wrong with the database, report what somebody has to see to, and say it for the log.

    To be called once for each request that it fails. Empty for any other error.
    """
    trouble = count(error)
    if trouble is None:
        return ""
    reports.report_failure(error)
    cause = error.__cause__ or error
    said = [type(cause).__name__]
    if state := getattr(cause, "sqlstate", None):
        said.append(f"SQLSTATE {state}")
    if code := getattr(cause, "sqlite_errorname", None):
        said.append(code)
    return f"{trouble.noted or trouble.told} ({', '.join(said)})"


def count(error: BaseException) -> Trouble | None:
    """Count what is wrong with the database, if that is what the error is; for one that is reported elsewhere."""
    trouble = find(error)
    if trouble is not None:
        _counts[trouble.name].add()
    return trouble


_counts = {trouble.name: Count() for trouble in TROUBLES}


def figures() -> Iterator[Figure]:
    """All of them from the start: a count whose first value is 1 never rose, as Prometheus sees it."""
    for name, number in _counts.items():
        yield Figure(
            "mainstay_db_failures_total",
            "Requests answered 503 or 504 because of the database, by what was wrong.",
            number.value,
            "counter",
            (("reason", name),),
        )


register("unavailable", figures)
