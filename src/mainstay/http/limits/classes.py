"""
Limits on whole classes: Django's views and REST framework's.

The class itself is changed, as Django's ``method_decorator`` does, so a subclass is limited too and
shares the budget. REST framework's classes are limited where it checks its own throttles: only
there is it known who asks.
"""

from __future__ import annotations

import sys
from functools import wraps
from typing import Any

from asgiref.sync import iscoroutinefunction

from mainstay.base.errors import InvalidInput, Problem
from mainstay.http.limits.guard import Guard, Limit, Verdict

GUARDS = "_mainstay_guards"
VERDICT = "_mainstay_verdict"


class Refused(Exception):
    """Ends a view of REST framework early; `handle_exception` turns it into the answer."""


def dotted(view: Any) -> str:
    """The default scope of a view."""
    found = getattr(view, "__wrapped__", view)
    name = getattr(found, "__qualname__", type(found).__qualname__).replace("<locals>.", "")
    return f"{getattr(found, '__module__', '')}.{name}"


def is_api_view(kind: type) -> bool:
    """Whether it is one of REST framework's; without importing that."""
    views = sys.modules.get("rest_framework.views")
    return views is not None and issubclass(kind, views.APIView)


def limit(kind: type, one: Limit) -> type:
    """
    Limit all requests to a class-based view.

    Raises:
        InvalidInput: The class is no view.
    """
    own: list[Limit] | None = kind.__dict__.get(GUARDS)
    if own is not None:
        own.append(one)
        return kind
    if not hasattr(kind, "dispatch"):
        found = f"class {dotted(kind)}"
        raise InvalidInput([Problem("limits.bad-view", dotted(kind), "rate_limit", "a view", found)])
    limits = [one]
    setattr(kind, GUARDS, limits)
    (_limit_api_view if is_api_view(kind) else _limit_view)(kind, limits)
    return kind


class _Late:
    """The guard of a class, made at its first request: by then all its limits are known."""

    def __init__(self, kind: type, limits: list[Limit]) -> None:
        self._scope = dotted(kind)
        self._limits = limits
        self._guard: Guard | None = None

    @property
    def guard(self) -> Guard:
        if self._guard is None or len(self._guard.limits) != len(self._limits):
            self._guard = Guard(self._limits, self._scope)
        return self._guard


def _limit_view(kind: Any, limits: list[Limit]) -> None:
    dispatch, late = kind.dispatch, _Late(kind, limits)

    @wraps(dispatch)
    def limited(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        if getattr(self, "view_is_async", False) or iscoroutinefunction(dispatch):
            return limited_async(self, request, *args, **kwargs)
        verdict = late.guard.check(request)
        if verdict is None:
            return dispatch(self, request, *args, **kwargs)
        if (refusal := verdict.answer(request)) is not None:
            return refusal
        try:
            return verdict.write(dispatch(self, request, *args, **kwargs))
        except Exception:
            verdict.note(request)
            raise

    async def limited_async(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        verdict = await late.guard.check_async(request)
        if verdict is None:
            return await dispatch(self, request, *args, **kwargs)
        if (refusal := verdict.answer(request)) is not None:
            return refusal
        try:
            return verdict.write(await dispatch(self, request, *args, **kwargs))
        except Exception:
            verdict.note(request)
            raise

    kind.dispatch = limited


def _limit_api_view(kind: Any, limits: list[Limit]) -> None:
    initial, handle, finalize = kind.initial, kind.handle_exception, kind.finalize_response
    late = _Late(kind, limits)

    @wraps(initial)
    def limited_initial(self: Any, request: Any, *args: Any, **kwargs: Any) -> None:
        initial(self, request, *args, **kwargs)
        verdict = late.guard.check(request)
        if verdict is not None:
            setattr(self, VERDICT, [*getattr(self, VERDICT, ()), verdict])
            if verdict.refused is not None:
                raise Refused

    @wraps(handle)
    def handle_refused(self: Any, error: Exception) -> Any:
        if not isinstance(error, Refused):
            return handle(self, error)
        return _verdicts(self).pop().answer(self.request)

    @wraps(finalize)
    def finalize_with_fields(self: Any, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        for verdict in _verdicts(self):
            verdict.write(response)
        _verdicts(self).clear()
        return finalize(self, request, response, *args, **kwargs)

    kind.initial = limited_initial
    kind.handle_exception = handle_refused
    kind.finalize_response = finalize_with_fields


def _verdicts(view: Any) -> list[Verdict]:
    verdicts: list[Verdict] = getattr(view, VERDICT, None) or []
    return verdicts
