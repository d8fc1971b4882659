"""
How important a route is, said by a decorator and known before the request runs.

The entrance must know it before any middleware, so it asks Django's URLs itself. It
does so only when the process is busy, and not at all in a project without a decorator.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction

from mainstay.base.criticality import CRITICALITY, Criticality
from mainstay.base.errors import InvalidInput, Problem, nearest
from mainstay.http import dispatching
from mainstay.http.exchange import EXCHANGE

View = TypeVar("View", bound=Callable[..., Any])

ATTRIBUTE = "mainstay_criticality"
REMEMBERED = 4096
"""Paths whose answer is kept."""

_declared = False


def criticality(level: Criticality) -> Callable[[View], View]:
    """
    Say how important a view is; without it a view is ``CRITICAL``.

    For functions, sync or async, and for classes of views, Django REST framework's among
    them. The innermost of two wins.

    Raises:
        InvalidInput: It is no `Criticality`, or the class is no view.

    Example:
        >>> @criticality(Criticality.SHEDDABLE)
        ... def suggestions(request): ...
    """
    caller = sys._getframe(1)
    where = f"{caller.f_code.co_filename}:{caller.f_lineno}"
    if not isinstance(level, Criticality):
        levels = [f"Criticality.{each.name}" for each in Criticality]
        expected = f"one of {', '.join(levels)}"
        raise InvalidInput(
            [Problem("http.bad-criticality", where, "criticality", expected, repr(level), _meant(level))]
        )

    def decorate(view: View) -> View:
        global _declared
        _declared = True
        if isinstance(view, type):
            return cast("View", dispatching.decorate(view, decorate, "criticality", where))
        if iscoroutinefunction(view):

            @functools.wraps(view)
            async def respond_async(*args: Any, **kwargs: Any) -> Any:
                _note(level)
                return await view(*args, **kwargs)

            _mark(respond_async, level)
            return cast("View", respond_async)

        @functools.wraps(view)
        def respond(*args: Any, **kwargs: Any) -> Any:
            _note(level)
            return view(*args, **kwargs)

        _mark(respond, level)
        return cast("View", respond)

    return decorate


def _meant(given: object) -> str:
    """The level that was meant, where one can tell."""
    if callable(given):
        return "write @criticality(Criticality.SHEDDABLE) above the view"
    if not isinstance(given, str):
        return ""
    word = given.strip().replace("-", "_").upper().removeprefix("CRITICALITY.")
    guess = nearest(word, [each.name for each in Criticality])
    return guess.replace("'", "Criticality.", 1).replace("'", "")


def of_path(path: str) -> Criticality:
    """How important the view is to which this path leads; ``CRITICAL`` when nobody said otherwise."""
    return _resolve(path) if _declared else Criticality.CRITICAL


def of_view(view: Any) -> Criticality:
    """What the decorator said, on the view itself or on ``dispatch`` of its class."""
    found = getattr(view, ATTRIBUTE, None)
    if found is None:
        owner = getattr(view, "view_class", None) or getattr(view, "cls", None)
        found = getattr(getattr(owner, "dispatch", None), ATTRIBUTE, None)
    return found if isinstance(found, Criticality) else Criticality.CRITICAL


@functools.lru_cache(maxsize=REMEMBERED)
def _resolve(path: str) -> Criticality:
    from django.urls import resolve

    try:
        with _language_of(path):
            return of_view(resolve(path).func)
    except Exception:  # no such path, or URLs that do not load: the request itself will say so
        return Criticality.CRITICAL


def _language_of(path: str) -> AbstractContextManager[object]:
    """The language in which ``LocaleMiddleware`` will resolve it; active until then is that of an earlier request."""
    from django.conf import settings
    from django.conf.urls.i18n import is_language_prefix_patterns_used
    from django.utils import translation

    if not (settings.USE_I18N and is_language_prefix_patterns_used(settings.ROOT_URLCONF)[0]):
        return nullcontext()
    return translation.override(translation.get_language_from_path(path) or settings.LANGUAGE_CODE)


def _note(level: Criticality) -> None:
    CRITICALITY.set(level)
    exchange = EXCHANGE.get()
    if exchange is not None:
        exchange.criticality = level


def _mark(view: Any, level: Criticality) -> None:
    setattr(view, ATTRIBUTE, level)
