"""
Mainstay's handler in the place of Django's, watched from outside.

What is counted is what ran, not what was meant to run: each part of each native form is wrapped where the
handler builds it. A mutant is such a part that does nothing.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from asgiref.sync import async_to_sync
from django.core.handlers.base import BaseHandler
from django.test.client import ClientHandler
from django.utils.module_loading import import_string

COUNTS: Counter[str] = Counter()
"""
``requests.sync``, ``requests.async``: that ran on a chain of the fast handler.
``requests.bare``: that ran on a chain which Django built.
``<form>.<part>``: calls of one part of one native form, zero included.
``adapted.<path>``: loaded as Django does, of those that have a native form.
"""

PARTS = ("before", "before_full", "after", "after_full", "view", "view_full")
HOOKS = ("process_request", "process_response", "process_view")


def install(mutant: str = "") -> None:
    """Put the handler into Django's classes, and count from then on."""
    from mainstay.http import handler
    from mainstay.http.handler import native

    handler.install()
    _count_requests()
    candidate = native.candidate

    @functools.wraps(candidate)
    def watched(middleware: Any) -> tuple[Any, str]:
        build, why = candidate(middleware)
        if build is None:
            if _name(middleware) in native.FORMS:
                COUNTS[f"adapted.{_name(middleware)}"] += 1
            return build, why
        return lambda instance: _watch(build, instance, mutant), why

    native.candidate = watched
    _break_chain(mutant)


def _break_chain(mutant: str) -> None:
    """The mutants of the chain itself."""
    from mainstay.http.handler import chain

    fuse, finish = chain.fuse, chain._Loading.finish

    def without_views(loading: Any) -> Any:
        loading.views.clear()
        loading.view_steps.clear()
        return finish(loading)

    if mutant == "chain.turned-over":
        chain.fuse = lambda steps, *arguments, **options: fuse(steps[::-1], *arguments, **options)
    elif mutant == "chain.one-layer-less":
        chain.fuse = lambda *arguments, **options: fuse(*arguments, **{**options, "innermost": False})
    elif mutant == "chain.without-views":
        chain._Loading.finish = without_views


def go_async() -> None:
    """Send the requests of the sync test client through the async chain, whoever has built it."""

    def load_middleware(self: Any, is_async: bool = False) -> None:
        BaseHandler.load_middleware(self, is_async=True)

    def get_response(self: Any, request: Any) -> Any:
        return async_to_sync(self.get_response_async)(request)

    ClientHandler.load_middleware = load_middleware
    ClientHandler.get_response = get_response


def go_direct(mutant: str = "") -> None:
    """Lead the methods of the middleware classes to their native forms, for tests that have no handler."""
    from mainstay.http.handler import native

    for path in native.FORMS:
        try:
            kind = import_string(path)
        except ImportError:  # of a newer Django, or not installed
            continue
        build, why = native.candidate(kind)
        assert build is not None, f"{path}: {why}"
        _route(kind, build, mutant)


def _name(middleware: Any) -> str:
    return f"{getattr(middleware, '__module__', '')}.{getattr(middleware, '__qualname__', '')}"


def _count_requests() -> None:
    respond, respond_async = BaseHandler.get_response, BaseHandler.get_response_async

    def get_response(self: Any, request: Any) -> Any:
        COUNTS["requests.sync" if "mainstay_handling" in vars(self) else "requests.bare"] += 1
        return respond(self, request)

    async def get_response_async(self: Any, request: Any) -> Any:
        COUNTS["requests.async" if "mainstay_handling" in vars(self) else "requests.bare"] += 1
        return await respond_async(self, request)

    BaseHandler.get_response = get_response
    BaseHandler.get_response_async = get_response_async


def _watch(build: Callable[[Any], Any], instance: Any, mutant: str) -> Any:
    step = build(instance)
    if isinstance(step, str):
        COUNTS[f"adapted.{build.__name__}"] += 1
        return step
    parts = {part: getattr(step, part) for part in PARTS}
    return replace(
        step,
        **{part: _part(f"{build.__name__}.{part}", call, mutant) for part, call in parts.items() if call},
    )


def _part(name: str, call: Callable[..., Any], mutant: str) -> Callable[..., Any]:
    COUNTS[name] += 0
    # What does nothing: no response before and at the view, the same response after it.
    idle = (lambda request, response: response) if ".after" in name else (lambda *arguments: None)

    def counted(*arguments: Any) -> Any:
        COUNTS[name] += 1
        return idle(*arguments) if name == mutant else call(*arguments)

    return counted


class _Unrouted:
    """A middleware instance as it was before its class was changed."""

    def __init__(self, instance: Any, own: dict[str, Any]) -> None:
        self._instance, self._own = instance, own

    def __getattr__(self, name: str) -> Any:
        own = self._own.get(name)
        return getattr(self._instance, name) if own is None else own.__get__(self._instance)


def _route(kind: Any, build: Callable[[Any], Any], mutant: str) -> None:
    from mainstay.http.handler.steps import BLOCKS

    own = {name: getattr(kind, name) for name in HOOKS if hasattr(kind, name)}
    make = kind.__init__

    def step_of(self: Any) -> Any:
        # Decorators made some instances before the class was changed. As in the handler, a subclass may have
        # changed anything and keeps Django's methods.
        if "mainstay_step" not in vars(self):
            step = _watch(build, _Unrouted(self, own), mutant) if type(self) is kind else ""
            self.mainstay_step = None if isinstance(step, str) else step
        return self.mainstay_step

    @functools.wraps(make)
    def __init__(self: Any, *arguments: Any, **options: Any) -> None:
        make(self, *arguments, **options)
        step_of(self)

    def through(name: str, quick: str, nothing: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(own[name])
        def routed(self: Any, *arguments: Any) -> Any:
            step = step_of(self)
            if step is None:
                return own[name](self, *arguments)
            result = (getattr(step, quick) or nothing)(*arguments)
            return getattr(step, f"{quick}_full")(*arguments) if result is BLOCKS else result

        return routed

    kind.__init__ = __init__
    nothings = (lambda *arguments: None, lambda request, response: response, lambda *arguments: None)
    for name, quick, nothing in zip(HOOKS, ("before", "after", "view"), nothings, strict=True):
        if name in own:
            setattr(kind, name, through(name, quick, nothing))
