"""``@rate_limit``, for views of every kind."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

from asgiref.sync import iscoroutinefunction

from mainstay.base.errors import InvalidInput, Problem, nearest
from mainstay.http.limits import classes, keys, rate
from mainstay.http.limits.guard import Cost, Guard, Limit
from mainstay.http.limits.options import WHEN_UNAVAILABLE

View = TypeVar("View", bound="Callable[..., Any]")

MARK = "_mainstay_limited"
LONGEST_SCOPE = 64

_REGISTERED = """
ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY DELETE GET HEAD LABEL LINK LOCK MERGE MKACTIVITY MKCALENDAR
MKCOL MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST PROPFIND PROPPATCH PUT QUERY REBIND REPORT SEARCH
TRACE UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL
"""
METHODS = frozenset(_REGISTERED.split())
"""HTTP's, WebDAV's and their kin's, as IANA registers them (RFC 9110, 18.2); another is a slip and limits nothing."""


def rate_limit(
    text: str,
    *,
    key: str | Callable[[Any], Any] = "ip",
    methods: str | Iterable[str] = (),
    scope: str = "",
    cost: int | Callable[[Any], int] = 1,
    when_unavailable: str = "",
) -> Callable[[View], View]:
    """
    Let a client ask a view so often and no oftener, all replicas together.

    Works on functions, sync and async, on class-based views, on REST framework's views, viewsets,
    actions and ``@api_view`` functions, and on single methods of classes. Stand it on the outside of
    other decorators of the same view; several of them apply together. Every answer carries
    ``RateLimit`` and ``RateLimit-Policy``; who asks too often is answered 429 with ``Retry-After``.
    What is guaranteed, and how precisely: `mainstay.http.limits.engine`.

    Args:
        text: ``"100/m"``, ``"20/10s"``, ``"100/m burst 20"``.
        key: Whose requests count together: ``"ip"`` (IPv6 by /64), ``"user"`` (who is signed in,
            everybody else by address), ``"header:X-Api-Key"`` (by address without the header), or a function
            of the request that returns a text, or ``None`` for "not limited".
        methods: Only these, of HTTP's and WebDAV's; all without it.
        scope: A name for the budget, to share it among views; each view has its own without it.
        cost: Units that one request takes, or a function of the request.
        when_unavailable: ``"local"``, ``"open"`` or ``"closed"`` while Valkey is gone; the settings' by default.

    Raises:
        InvalidInput: One of these is wrong; raised where the decorator stands, at import.
    """
    where = _caller()
    problems: list[Problem] = []
    limit = Limit(
        _collect(problems, rate.parse, text, where),
        _collect(problems, keys.read, key, where),
        _collect(problems, _scope, scope, where),
        _collect(problems, _methods, methods, where),
        cost,
        _collect(problems, _when_unavailable, when_unavailable, where),
    )
    if not problems:
        _collect(problems, _cost, (cost, limit), where)
    if problems:
        raise InvalidInput(problems)
    return lambda view: _decorate(view, limit)


def _decorate(view: Any, limit: Limit) -> Any:
    if isinstance(view, type):
        return classes.limit(view, limit)
    if isinstance(made_for := getattr(view, "cls", None), type) and classes.is_api_view(made_for):
        classes.limit(made_for, limit)
        return view
    inner = getattr(view, MARK, None)
    # `functools.wraps` copies the mark onto whatever stands around a limited view.
    if inner is not None and inner.wrapper is view:
        return _wrap(inner.view, [limit, *inner.guard.limits])
    return _wrap(view, [limit])


class _Mark:
    """Remembers on a limited view what it was made of, so that one more limit joins the others."""

    def __init__(self, wrapper: Any, view: Any, guard: Guard) -> None:
        self.wrapper = wrapper
        self.view = view
        self.guard = guard


def _wrap(view: Any, limits: list[Limit]) -> Any:
    guard = Guard(limits, classes.dotted(view))
    wrapper = _wrap_async(view, guard) if iscoroutinefunction(view) else _wrap_sync(view, guard)
    setattr(wrapper, MARK, _Mark(wrapper, view, guard))
    return wrapper


def _wrap_sync(view: Any, guard: Guard) -> Any:
    @wraps(view)
    def limited(*args: Any, **kwargs: Any) -> Any:
        request = _request(args)
        verdict = guard.check(request)
        if verdict is None:
            return view(*args, **kwargs)
        if (refusal := verdict.answer(request)) is not None:
            return refusal
        try:
            return verdict.write(view(*args, **kwargs))
        except Exception:
            verdict.note(request)
            raise

    return limited


def _wrap_async(view: Any, guard: Guard) -> Any:
    @wraps(view)
    async def limited(*args: Any, **kwargs: Any) -> Any:
        request = _request(args)
        verdict = await guard.check_async(request)
        if verdict is None:
            return await view(*args, **kwargs)
        if (refusal := verdict.answer(request)) is not None:
            return refusal
        try:
            return verdict.write(await view(*args, **kwargs))
        except Exception:
            verdict.note(request)
            raise

    return limited


def _request(args: tuple[Any, ...]) -> Any:
    """The request is first, or second where the view is a method."""
    return args[0] if hasattr(args[0], "META") else args[1]


def _caller() -> str:
    frame = sys._getframe(2)
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _collect(problems: list[Problem], read: Callable[[Any, str], Any], value: Any, where: str) -> Any:
    try:
        return read(value, where)
    except InvalidInput as error:
        problems.extend(error.problems)
        return None


def _scope(value: object, where: str) -> str:
    if isinstance(value, str) and len(value) <= LONGEST_SCOPE and (not value or keys.PLAIN.fullmatch(value)):
        return value
    expected = f"a name of at most {LONGEST_SCOPE} letters, digits and . _ - /"
    raise InvalidInput([Problem("limits.bad-scope", where, "scope", expected, repr(value))])


def _methods(value: object, where: str) -> frozenset[str]:
    names = [value] if isinstance(value, str) else list(value) if isinstance(value, Iterable) else [None]
    methods = [str(each).upper() for each in names]
    unknown = next((each for each in methods if each not in METHODS), None)
    if unknown is None:
        return frozenset(methods)
    expected = 'methods of HTTP such as "POST" or ["POST", "PUT"]'
    hint = nearest(unknown, METHODS)
    raise InvalidInput([Problem("limits.bad-methods", where, "methods", expected, repr(value), hint)])


def _when_unavailable(value: object, where: str) -> str:
    if value == "" or value in WHEN_UNAVAILABLE:
        return str(value)
    expected = "'local', 'open' or 'closed'"
    raise InvalidInput([Problem("limits.bad-mode", where, "when_unavailable", expected, repr(value))])


def _cost(value: tuple[Cost, Limit], where: str) -> None:
    cost, limit = value
    if callable(cost) and not inspect.iscoroutinefunction(cost):
        return
    if isinstance(cost, int) and not isinstance(cost, bool) and 1 <= cost <= limit.rate.burst:
        return
    expected = f"1 to {limit.rate.burst} units, which is the burst, or a plain function of the request"
    raise InvalidInput([Problem("limits.bad-cost", where, "cost", expected, repr(cost))])
