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

from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle

from mainstay.base.errors import InvalidInput, Problem
from mainstay.http.limits import current, fields, keys, rate
from mainstay.http.limits.engine import Budget, Decision
from mainstay.http.limits.keys import Keys


class RateLimitThrottle(BaseThrottle):
    """
    Limits views that have a ``throttle_scope``; its rate is in ``DEFAULT_THROTTLE_RATES``.

    A view's ``throttle_rate`` takes the place of that rate, and its ``throttle_key`` that of ``key``. A subclass
    with a ``scope`` of its own limits every view that uses it. A rate of ``None`` is no limit.
    Fields are added to the answer by Mainstay's middleware.

    Raises:
        InvalidInput: There is no rate for a scope, or it is none. At the first request of the view.
    """

    scope: str = ""
    rate: str | None = None
    key: Any = "user_or_ip"

    def __init__(self) -> None:
        self._decision: Decision | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        scope = self.scope or getattr(view, "throttle_scope", None)
        text = getattr(view, "throttle_rate", None) or self.rate
        if not scope and not text:
            return True
        scope = scope or f"{type(view).__module__}.{type(view).__qualname__}"
        text = text or _rate_of(scope)
        engine = current.engine()
        if text is None or not engine.options.enabled:
            return True
        budget, policy, finder = _limit(scope, text, getattr(view, "throttle_key", self.key))
        found = finder.find(request)
        if found is None:
            return True
        self._decision = decision = engine.take(budget, found)
        fields.note(request._request, policy, fields.state(fields.quoted(scope), decision))
        return decision.allowed

    def wait(self) -> float | None:
        """Seconds until the request would pass; REST framework rounds them up for ``Retry-After``."""
        return None if self._decision is None else self._decision.wait


def _rate_of(scope: str) -> str | None:
    rates: dict[str, Any] = api_settings.DEFAULT_THROTTLE_RATES
    if scope in rates:
        found: str | None = rates[scope]
        return found
    path = 'REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]'
    raise InvalidInput([Problem("limits.no-rate", "settings", path, f"a rate for {scope!r}", "none")])


@lru_cache(maxsize=256)
def _limit(scope: str, text: str, key: Any) -> tuple[Budget, str, Keys]:
    where = f"throttle {scope!r}"
    parsed = rate.parse(text, where)
    return Budget(scope, parsed), fields.policy(scope, parsed), keys.read(key, where)
