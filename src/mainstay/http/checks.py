"""
System checks of settings that look harmless and are not: in front of Django, and between replicas.

What is right for development is silent there; a process that Mainstay started is told.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured
from django.urls import URLResolver, get_resolver
from django.utils.module_loading import import_string

from mainstay.base import environment, options, wire
from mainstay.base.errors import InvalidInput, Problem, nearest
from mainstay.base.installing import as_installed
from mainstay.base.traps import Trap
from mainstay.health import builtin
from mainstay.health.dependencies import WATCH
from mainstay.http import deadlines
from mainstay.http import options as http_options
from mainstay.http.limits import options as limit_options
from mainstay.http.security import CSP
from mainstay.http.settings import DEVELOPMENT_KEY, MIDDLEWARE
from mainstay.observability import reports

ENTRANCE = MIDDLEWARE[0]

ENTRANCE_ORDER = Trap(
    "mainstay.W201",
    "EntranceMiddleware is {place} in MIDDLEWARE.",
    "Begin it with *mainstay.MIDDLEWARE.",
    "What another middleware raises is then a bare error 500: a database that cannot answer now among it.",
)
DEBUG_ON = Trap(
    "mainstay.E202",
    "DEBUG is on in a process of a running system.",
    "DEBUG = mainstay.debug()",
    "Errors show settings and variables to strangers, and every query is kept in memory.",
)
NO_SECRET = Trap(
    "mainstay.E203",
    "SECRET_KEY is {what} in a process of a running system.",
    "SECRET_KEY = mainstay.secret_key()",
    "Whoever knows the key can make sessions and password links of their own.",
)
ANY_HOST = Trap(
    "mainstay.W204",
    'ALLOWED_HOSTS has "*".',
    "ALLOWED_HOSTS = mainstay.allowed_hosts(), which are the names that the edge accepts.",
    "A client chooses the host in links that are made from the request, password resets among them.",
)
LOCAL_CACHE = Trap(
    "mainstay.W205",
    "CACHES[{alias!r}] is the memory of one process, and a service has several.",
    "CACHES = mainstay.caches() with a Valkey in mainstay.toml.",
    "Each replica has its own truth: locks lock nobody out, throttles let n times as much through, "
    "what one deletes another still shows.",
)
LOCAL_SESSIONS = Trap(
    "mainstay.W206",
    "Sessions are kept in CACHES[{alias!r}], which {what}.",
    'SESSION_ENGINE = "django.contrib.sessions.backends.cached_db", or a cache that is Valkey.',
    "Who signed in at one replica is a stranger at the next, or everybody is after a restart of the cache.",
)
UNKNOWN_OPTION = Trap(
    "mainstay.E207",
    "MAINSTAY has {what}.",
    "{hint}",
    "An option that is spelt wrongly is an option that is not set; of `http` and `health` no replica starts with one.",
)
UNKNOWN_DEPENDENCY = Trap(
    "mainstay.W207",
    "MAINSTAY has {what}.",
    "{hint}",
    "What is said of a dependency that nothing declares changes nothing.",
)
BAD_OPTION = Trap(
    "mainstay.E209",
    "{path} is {found}, and has to be {expected}.",
    "{hint}",
    "A replica does not start with it, or says so at the first request that needs it.",
)
EARLY_ACK = Trap(
    "mainstay.W208",
    "Celery is configured and {name} is not on.",
    "Set CELERY_TASK_ACKS_LATE and CELERY_TASK_REJECT_ON_WORKER_LOST to True, and make tasks safe to repeat.",
    "A task is taken off the queue before it is done; one that a killed worker had is lost.",
)
UNSENT_POLICY = Trap(
    "mainstay.W210",
    "{setting} is set, and no middleware sends it.",
    "Put *mainstay.csp_middleware() behind SecurityMiddleware in MIDDLEWARE (Django 6), or take the setting out.",
    "Browsers are told nothing: a script that got into a page runs as if there were no policy.",
)
UNREPORTED = Trap(
    "mainstay.W211",
    "SENTRY_DSN is set, and {gap}.",
    'pip install "django-mainstay[observability]", and LOGGING = mainstay.observability() in the settings.',
    "Whoever set the address believes that errors are reported, and nobody is told of any.",
)
UNREADABLE_LIMIT = Trap(
    "mainstay.E212",
    "{view} cannot be limited: {what} is {found}, and has to be {expected}.",
    "{hint}",
    "Each request of that view is answered 500, and its users are who find it.",
)
UNREADABLE_LIMIT_HINT = 'Correct it in REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], or in the view.'
OUT_OF_REACH = Trap(
    "mainstay.W213",
    "@deadline({seconds:g}) at {place} gives more than the {request:g} s that every request has.",
    "Raise timeouts.request in mainstay.toml, and timeouts.edge above it, or give the view less.",
    "The edge tells each request how long its client is kept waiting, and nobody has longer than that.",
)
TRAPS = (
    ENTRANCE_ORDER,
    DEBUG_ON,
    NO_SECRET,
    ANY_HOST,
    LOCAL_CACHE,
    LOCAL_SESSIONS,
    UNKNOWN_OPTION,
    UNKNOWN_DEPENDENCY,
    BAD_OPTION,
    EARLY_ACK,
    UNSENT_POLICY,
    UNREPORTED,
    UNREADABLE_LIMIT,
    OUT_OF_REACH,
)

LOCAL = "django.core.cache.backends.locmem.LocMemCache"
SHARED_AND_KEPT = ("RedisCache", "DatabaseCache")
CACHE_SESSIONS = "django.contrib.sessions.backends.cache"
POLICIES = ("SECURE_CSP", "SECURE_CSP_REPORT_ONLY")
CELERY = ("CELERY_TASK_ACKS_LATE", "CELERY_TASK_REJECT_ON_WORKER_LOST")


def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Everything that `TRAPS` names."""
    found = [*_front(), *_options(), *_values(), *_dependencies(), *_celery(), *_reports(), *_throttles()]
    if environment.is_managed():
        found += [*_managed(), *_shared(), *_deadlines()]
    return found


def report(trap: Trap, **words: object) -> CheckMessage:
    kind = Error if trap.is_error else Warning
    return kind(trap.message.format(**words), hint=as_installed(trap.hint.format(**words)), id=trap.id)


def _front() -> Iterator[CheckMessage]:
    middleware = list(settings.MIDDLEWARE)
    if ENTRANCE not in middleware:
        yield report(ENTRANCE_ORDER, place="missing")
    elif middleware[0] != ENTRANCE:
        yield report(ENTRANCE_ORDER, place="not the first")
    if "*" in settings.ALLOWED_HOSTS and not settings.DEBUG:
        yield report(ANY_HOST)
    policies = [name for name in POLICIES if getattr(settings, name, None)]
    if policies and not any(map(_sends_policies, middleware)):
        yield from (report(UNSENT_POLICY, setting=name) for name in policies)


def _sends_policies(path: str) -> bool:
    """Whether it is Django's middleware for them or a class made from it; Django below 6 has none."""
    try:
        bases = getattr(import_string(path), "__mro__", ())
    except ImportError:  # Django names a middleware that cannot be imported at the start
        return False
    return any(f"{base.__module__}.{base.__qualname__}" == CSP for base in bases)


def _managed() -> Iterator[CheckMessage]:
    if settings.DEBUG:
        yield report(DEBUG_ON)
    key = _secret_key()
    if not key:
        yield report(NO_SECRET, what="missing")
    elif key == DEVELOPMENT_KEY or key.startswith("django-insecure-"):
        yield report(NO_SECRET, what="one for development")


def _secret_key() -> str:
    """Django raises for an empty key when it is read."""
    try:
        return str(settings.SECRET_KEY)
    except ImproperlyConfigured:
        return ""


def _shared() -> Iterator[CheckMessage]:
    chosen = settings.is_overridden("CACHES")  # type: ignore[misc]  # the stubs lack it
    for alias, given in settings.CACHES.items():
        if chosen and given.get("BACKEND") == LOCAL:
            yield report(LOCAL_CACHE, alias=alias)
    if settings.SESSION_ENGINE == CACHE_SESSIONS:
        alias = settings.SESSION_CACHE_ALIAS
        backend = settings.CACHES.get(alias, {}).get("BACKEND", "")
        if backend == LOCAL:
            yield report(LOCAL_SESSIONS, alias=alias, what="is the memory of one process")
        elif not backend.endswith(SHARED_AND_KEPT):
            yield report(LOCAL_SESSIONS, alias=alias, what="forgets what it has no room for")


def _options() -> Iterator[CheckMessage]:
    given = getattr(settings, "MAINSTAY", {})
    if not isinstance(given, Mapping):
        yield report(UNKNOWN_OPTION, what="no sections", hint='MAINSTAY = {"http": {…}}')
        return
    for section, keys in given.items():
        known = options.KNOWN.get(section)
        if known is None:
            yield _unknown(f"an unknown section {section!r}", str(section), options.KNOWN)
        elif not isinstance(keys, Mapping):
            yield report(UNKNOWN_OPTION, what=f"no table under {section!r}", hint="A dictionary of options.")
        else:
            for key in keys:
                if key not in known:
                    yield _unknown(f"an unknown option {key!r} in {section!r}", str(key), known)


def _values() -> Iterator[CheckMessage]:
    """Values that do not fit, and middleware that is to run as in Django and does not run at all."""
    problems: dict[str, Problem] = {}
    for read in (http_options.read, limit_options.read, builtin.read):
        try:
            read()
        except InvalidInput as error:
            problems |= {problem.path: problem for problem in error.problems}
    for problem in problems.values():
        if problem.path.count("[") > 1 and problem.id != "http.unknown-option":
            found = "not known" if problem.id.endswith(".unknown-option") else problem.found
            facts = {"path": problem.path, "found": found, "expected": problem.expected}
            yield report(BAD_OPTION, **facts, hint=problem.hint)
    if any(not problem.id.startswith("health.") for problem in problems.values()):
        return
    for path in http_options.read().adapted:
        if path not in settings.MIDDLEWARE:
            facts = {"path": 'MAINSTAY["http"]["adapted"]', "found": repr(path), "expected": "in MIDDLEWARE"}
            yield report(BAD_OPTION, **facts, hint=nearest(path, settings.MIDDLEWARE) or "Take it out.")


def _dependencies() -> Iterator[CheckMessage]:
    """Names that no dependency has, once all apps have declared theirs."""
    given = getattr(settings, "MAINSTAY", {})
    health = given.get("health", {}) if isinstance(given, Mapping) else {}
    wishes = health.get("dependencies", {}) if isinstance(health, Mapping) else {}
    for name, wish in wishes.items() if environment.is_managed() and isinstance(wishes, Mapping) else ():
        if name not in WATCH.names and not (isinstance(wish, Mapping) and wish.get("off")):
            what = f"a dependency {name!r} that is none"
            yield _unknown(what, str(name), WATCH.names, UNKNOWN_DEPENDENCY)


def _unknown(what: str, name: str, known: Any, trap: Trap = UNKNOWN_OPTION) -> CheckMessage:
    listed = f"There are {', '.join(sorted(known))}."
    return report(trap, what=what, hint=nearest(name, known) or listed)


def _reports() -> Iterator[CheckMessage]:
    if gap := reports.find_gap():
        yield report(UNREPORTED, gap=gap)


def _deadlines() -> Iterator[CheckMessage]:
    with suppress(Exception):  # URLs that do not load are another check's business
        _ = get_resolver().url_patterns
    request = environment.number(wire.REQUEST_TIMEOUT, http_options.LONGEST)
    for place, seconds in sorted(deadlines.DECORATED.items()):
        if seconds > request:
            yield report(OUT_OF_REACH, place=place, seconds=seconds, request=request)


def _throttles() -> Iterator[CheckMessage]:
    """Rates that our throttle will read for a view that a URL leads to, and cannot."""
    try:
        views = list(_views(get_resolver())) if getattr(settings, "ROOT_URLCONF", None) else []
    except Exception:  # URLs that do not load; Django's own check says so
        return
    throttles = sys.modules.get("mainstay.http.limits.throttles")
    if throttles is None:  # no view uses it, or REST framework is not there
        return
    told = set()
    for view in views:
        for problem in throttles.find_mistakes(view):
            at_settings = problem.where == "settings"
            what = problem.path if at_settings else f"the {problem.path} of {problem.where}"
            facts = {"what": what, "found": problem.found, "expected": problem.expected}
            name = f"{view.cls.__module__}.{view.cls.__qualname__}"
            if (name, what) not in told:
                told.add((name, what))
                yield report(UNREADABLE_LIMIT, view=name, **facts, hint=problem.hint or UNREADABLE_LIMIT_HINT)


def _views(resolver: URLResolver) -> Iterator[Any]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from _views(pattern)
        else:
            yield pattern.callback


def _celery() -> Iterator[CheckMessage]:
    if not any(hasattr(settings, name) for name in ("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND")):
        return
    for name in CELERY:
        if not getattr(settings, name, False):
            yield report(EARLY_ACK, name=name)
