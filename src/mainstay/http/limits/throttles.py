"""
The same engine as one of REST framework's throttles.

::

    REST_FRAMEWORK = {
        "DEFAULT_THROTTLE_CLASSES": ["mainstay.http.limits.throttles.RateLimitThrottle"],
        "DEFAULT_THROTTLE_RATES": {"uploads": "20/m"},
    }

    class Uploads(APIView):
        throttle_scope = "uploads"
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle

from mainstay.base.errors import InvalidInput, Problem, nearest
from mainstay.http.limits import classes, current, fields, keys, rate
from mainstay.http.limits.engine import UNKNOWN, Budget, Decision
from mainstay.http.limits.keys import Keys
from mainstay.http.limits.refusals import NOT_COUNTED


class Uncounted(APIException):
    """503 in place of 429: nobody asked too often, but Valkey is gone and limits are ``closed`` then."""

    status_code = 503
    default_detail = NOT_COUNTED
    default_code = "unavailable"

    def __init__(self, wait: float) -> None:
        super().__init__()
        self.wait = fields.seconds(wait)
        """For ``Retry-After``, as every exception handler of REST framework reads it."""


class RateLimitThrottle(BaseThrottle):
    """
    Limits views that have a ``throttle_scope``; its rate is in ``DEFAULT_THROTTLE_RATES``.

    A view's ``throttle_rate`` takes the place of that rate, and its ``throttle_key`` that of ``key``. A subclass
    with a ``scope`` of its own limits every view that uses it. A rate of ``None`` is no limit.
    Fields are added to the answer by Mainstay's middleware.

    Raises:
        InvalidInput: There is no rate for a scope, or it is none. At each request of the view; a system check finds it.
    """

    scope: str = ""
    rate: str | None = None
    key: Any = "user"

    def __init__(self) -> None:
        self._decision: Decision | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        declared = self._declared(view)
        if declared is None:
            return True
        engine = current.engine()
        if not engine.options.enabled:
            return True
        scope = declared[0]
        budget, policy, finder = _limit(*declared)
        found = finder.find(request)
        if found is None:
            return True
        self._decision = decision = engine.take(budget, found)
        fields.note(request._request, policy, fields.state(fields.quoted(scope), decision))
        if not decision.allowed:
            fields.note_violated(request._request, scope)
            if decision.remaining == UNKNOWN:
                raise Uncounted(decision.wait)
        return decision.allowed

    def _declared(self, view: Any) -> tuple[str, str, Any] | None:
        """The name, the rate and the key of what limits a view."""
        scope = self.scope or getattr(view, "throttle_scope", None)
        text = getattr(view, "throttle_rate", None) or self.rate
        if not scope and not text:
            return None
        scope = scope or f"{type(view).__module__}.{type(view).__qualname__}"
        text = text or _rate_of(scope)
        return None if text is None else (scope, text, getattr(view, "throttle_key", self.key))

    def wait(self) -> float | None:
        """Seconds until the request would pass; REST framework rounds them up for ``Retry-After``."""
        return None if self._decision is None else self._decision.wait


def find_mistakes(view: Any) -> list[Problem]:
    """What is wrong with the limits of a view as URLs name it; nothing where it is none of REST framework's."""
    kind = getattr(view, "cls", None)
    if not isinstance(kind, type) or not classes.is_api_view(kind):
        return []
    made: Any = object.__new__(kind)  # a project's own __init__ may want what only a request brings
    vars(made).update(getattr(view, "initkwargs", {}))
    problems: list[Problem] = []
    for throttle in made.throttle_classes:
        if isinstance(throttle, type) and issubclass(throttle, RateLimitThrottle):
            try:
                if declared := throttle()._declared(made):
                    _limit(*declared)
            except InvalidInput as error:
                problems += error.problems
    return problems


def _rate_of(scope: str) -> str | None:
    rates: dict[str, Any] = api_settings.DEFAULT_THROTTLE_RATES
    if scope in rates:
        found: str | None = rates[scope]
        return found
    path = f'REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]["{scope}"]'
    expected = 'a rate such as "100/m", or None for no limit'
    raise InvalidInput(
        [Problem("limits.no-rate", "settings", path, expected, "missing", nearest(scope, rates))]
    )


@lru_cache(maxsize=256)
def _limit(scope: str, text: str, key: Any) -> tuple[Budget, str, Keys]:
    where = f"throttle {scope!r}"
    parsed = rate.parse(text, where)
    return Budget(scope, parsed), fields.policy(scope, parsed), keys.read(key, where)
