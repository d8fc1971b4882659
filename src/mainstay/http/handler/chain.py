"""How ``MIDDLEWARE`` becomes one callable: the counterpart of Django's ``BaseHandler``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from inspect import CO_COROUTINE
from types import FunctionType
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed
from django.core.handlers.base import BaseHandler, logger
from django.core.handlers.base import iscoroutinefunction as is_async_callable  # type: ignore[attr-defined]
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpResponse
from django.urls import set_urlconf
from django.utils.log import log_response
from django.utils.module_loading import import_string

from mainstay.http import deadlines, options
from mainstay.http.handler import native
from mainstay.http.handler.fusing import fuse
from mainstay.http.handler.native import Handling
from mainstay.http.handler.reading import setting
from mainstay.http.handler.steps import BLOCKS, Step

MARKS = frozenset(("_is_coroutine", "_is_coroutine_marker"))
"""Attributes by which asyncio, up to Python 3.11, and inspect, since 3.12, know a function to be async."""

STOPPED = "a view raised StopIteration, as next() does where there is nothing more"
"""A future takes no StopIteration: whoever waits for the thread would wait for ever."""

_log_elsewhere = sync_to_async(log_response, thread_sensitive=False)


class FastHandler(BaseHandler):
    """
    What both fast handlers share.

    No method calls ``super()``: `install` puts them into Django's own class.
    """

    _view_middleware: Any
    _middleware_chain: Any
    _template_response_middleware: Any
    _mainstay_view_steps: Any
    _mainstay_call_view_in_thread: Any
    _mainstay_templates_in_sync: Any
    _mainstay_exceptions_wait: Any
    mainstay_handling: tuple[Handling, ...] = ()
    """What was made of each entry of ``MIDDLEWARE``, in its order."""
    _mainstay_wrapped: frozenset[str] = frozenset()
    """Methods of Django's that a tool has wrapped, such as a tracer; they are not passed by."""

    def load_middleware(self, is_async: bool = False) -> None:
        """
        Fill the middleware lists and the chain from ``settings.MIDDLEWARE``, like Django.

        Raises:
            InvalidInput: ``MAINSTAY["http"]`` has a key or a value that does not exist.
            RuntimeError: A middleware is capable of neither sync nor async.
            ImproperlyConfigured: A middleware factory returned None.
        """
        chosen = options.read()
        fill(self, settings.MIDDLEWARE, is_async=is_async, native=chosen.native, adapted=chosen.adapted)

    async def get_response_async(self, request: Any) -> Any:
        """The response, logged when it is an error; only errors that may be mailed leave the loop."""
        if "get_response_async" in self._mainstay_wrapped:
            return await BaseHandler.get_response_async(self, request)
        set_urlconf(setting("ROOT_URLCONF"))
        response = await self._middleware_chain(request)
        response._resource_closers.append(request.close)
        if response.status_code >= 400 and not getattr(response, "_has_been_logged", False):
            arguments = ("%s: %s", response.reason_phrase, request.path)
            if response.status_code < 500:
                log_response(*arguments, response=response, request=request)
            else:
                await _log_elsewhere(*arguments, response=response, request=request)
        return response

    def _get_response(self, request: Any) -> Any:
        """Resolve and call the view, as Django does."""
        callback, args, kwargs = self.resolve_request(request)
        response = None
        for process_view in self._view_middleware:
            response = process_view(request, callback, args, kwargs)
            if response:
                break
        if response is None:
            view: Any = self.make_view_atomic(callback)
            if _is_async_view(view):
                view = async_to_sync(deadlines.ended_in_time(view))
            try:
                response = view(request, *args, **kwargs)
            except Exception as error:
                response = self.process_exception_by_middleware(error, request)
                if response is None:
                    raise
        if type(response) is HttpResponse:
            return response  # neither missing nor a coroutine, and nothing to render
        self.check_response(response, callback)
        if hasattr(response, "render") and callable(response.render):
            for method in self._template_response_middleware:
                response = method(request, response)
                self._mainstay_check_template(response, method)
            try:
                response = response.render()
            except Exception as error:
                response = self.process_exception_by_middleware(error, request)
                if response is None:
                    raise
        return response

    async def _get_response_async(self, request: Any) -> Any:
        """Resolve and call the view, as Django does; a sync view takes one change of thread."""
        callback, args, kwargs = self.resolve_request(request)
        response = None
        for is_quick, process_view, in_full in self._mainstay_view_steps:
            if is_quick:
                response = process_view(request, callback, args, kwargs)
                if response is BLOCKS:
                    response = await in_full(request, callback, args, kwargs)
            else:
                response = await process_view(request, callback, args, kwargs)
            if response:
                break
        rendered = False
        if response is None:
            view: Any = self.make_view_atomic(callback)
            if _is_async_view(view):
                try:
                    response = await view(request, *args, **kwargs)
                except Exception as error:
                    response = await self._mainstay_answer_exception(error, request)
                    if response is None:
                        raise
            else:
                in_thread = self._mainstay_call_view_in_thread
                response, rendered = await in_thread(request, callback, view, args, kwargs)
        if type(response) is HttpResponse:
            return response  # neither missing nor a coroutine, and nothing to render
        self.check_response(response, callback)
        if not rendered and hasattr(response, "render") and callable(response.render):
            response = await self._mainstay_render_async(request, response)
        if asyncio.iscoroutine(response):
            raise RuntimeError("Response is still a coroutine.")
        return response

    async def _mainstay_answer_exception(self, error: Exception, request: Any) -> Any:
        """What ``process_exception`` of the middleware makes of it, or None."""
        if self._mainstay_exceptions_wait:
            in_thread = sync_to_async(self.process_exception_by_middleware, thread_sensitive=True)
            return await in_thread(error, request)
        return self.process_exception_by_middleware(error, request)

    def _mainstay_call_view(
        self, request: Any, callback: Any, view: Any, args: Any, kwargs: Any
    ) -> tuple[Any, bool]:
        """The response of a sync view, and whether it passed the template middleware and was rendered."""
        try:
            response = view(request, *args, **kwargs)
        except Exception as error:
            response = self.process_exception_by_middleware(error, request)
            if response is None:
                if isinstance(error, StopIteration):
                    raise RuntimeError(STOPPED) from error
                raise
        self.check_response(response, callback)
        if not callable(getattr(response, "render", None)):
            return response, False
        if self._mainstay_templates_in_sync is None or is_async_callable(response.render):
            return response, False
        return self._mainstay_render(request, response), True

    def _mainstay_render(self, request: Any, response: Any) -> Any:
        for method in self._mainstay_templates_in_sync:
            response = method(request, response)
            self._mainstay_check_template(response, method)
        try:
            return response.render()
        except Exception as error:
            response = self.process_exception_by_middleware(error, request)
            if response is None:
                if isinstance(error, StopIteration):
                    raise RuntimeError(STOPPED) from error
                raise
            return response

    async def _mainstay_render_async(self, request: Any, response: Any) -> Any:
        if self._mainstay_templates_in_sync is not None and not is_async_callable(response.render):
            return await sync_to_async(self._mainstay_render, thread_sensitive=True)(request, response)
        for method in self._template_response_middleware:
            response = await method(request, response)
            self._mainstay_check_template(response, method)
        try:
            if is_async_callable(response.render):
                return await response.render()
            return await sync_to_async(response.render, thread_sensitive=True)()
        except Exception as error:
            response = await self._mainstay_answer_exception(error, request)
            if response is None:
                raise
            return response

    def _mainstay_check_template(self, response: Any, method: Any) -> None:
        name = f"{method.__self__.__class__.__name__}.process_template_response"
        self.check_response(response, method, name=name)


def fill(
    handler: Any, paths: Sequence[str], *, is_async: bool, native: bool = True, adapted: Iterable[str] = ()
) -> None:
    """
    Give a handler the chain and the lists of these middleware.

    ``native`` switches all native forms on or off; those of ``adapted`` run as in Django.
    """
    loading = _Loading(handler, is_async, native, frozenset(adapted))
    for path in reversed(paths):
        loading.add(path)
    handler._view_middleware = loading.views
    handler._template_response_middleware = loading.templates
    handler._exception_middleware = loading.exceptions
    handler._mainstay_view_steps = loading.view_steps
    handler._mainstay_templates_in_sync = loading.templates_in_sync
    handler._mainstay_exceptions_wait = loading.exceptions_wait
    if isinstance(handler, FastHandler):  # installed in Django's classes, ours is what tools wrap
        handler._mainstay_wrapped = frozenset(_wrapped_by_tools(type(handler)))
    handler._mainstay_call_view_in_thread = sync_to_async(handler._mainstay_call_view, thread_sensitive=True)
    handler.mainstay_handling = tuple(reversed(loading.handling))
    handler._middleware_chain = loading.finish()  # last: that it is there means that all is


class _Loading:
    """One pass over ``MIDDLEWARE``, from the innermost to the outermost."""

    def __init__(self, handler: Any, is_async: bool, native: bool, adapted: frozenset[str]) -> None:
        self._handler = handler
        self._is_async = is_async
        self._native, self._adapted = native, adapted
        self._inner: Callable[[Any], Any] = handler._get_response_async if is_async else handler._get_response
        self._inner_is_async = is_async
        self._innermost = True
        """Nobody turns the exceptions of ``_inner`` into responses yet."""
        self._steps: list[Step] = []
        """The run of native middleware around ``_inner``, outermost last."""
        self.views: list[Any] = []
        self.templates: list[Any] = []
        self.exceptions: list[Any] = []
        self.view_steps: list[tuple[bool, Any, Any]] = []
        self.templates_in_sync: list[Any] | None = []
        self.exceptions_wait = False
        self.handling: list[Handling] = []

    def add(self, path: str) -> None:
        middleware = import_string(path)
        build, why = self._candidate(path, middleware)
        try:
            if build is None:
                self._add_adapted(path, middleware)
            else:
                why = self._add_native(path, middleware, build)
        except MiddlewareNotUsed as error:
            _note_unused(path, error)
            self.handling.append(
                Handling(path, build is not None, "it said that it is not needed", used=False)
            )
            return
        self.handling.append(Handling(path, not why, why))

    def finish(self) -> Any:
        """The whole chain, in the mode of the handler."""
        chain = self._fused()
        return self._handler.adapt_method_mode(self._is_async, chain, self._inner_is_async)

    def _candidate(self, path: str, middleware: Any) -> tuple[Any, str]:
        build, why = native.candidate(middleware)
        if build is not None and (not self._native or path in self._adapted):
            return None, native.SWITCHED_OFF
        return build, why

    def _add_native(self, path: str, middleware: Any, build: Any) -> str:
        """Put it into the run; the reason when its settings allow no native form."""
        instance = middleware(self._inner)
        step = build(instance)
        if isinstance(step, str):
            self._add_adapted(path, middleware)
            return step
        self._steps.append(step)
        if step.view is not None:
            in_full = step.view_full and self._handler.adapt_method_mode(True, step.view_full)
            self.view_steps.insert(0, (True, step.view, in_full))
            self.views.insert(0, self._handler.adapt_method_mode(self._is_async, step.view_in_sync()))
        return ""

    def _add_adapted(self, path: str, middleware: Any) -> None:
        can_sync = getattr(middleware, "sync_capable", True)
        can_async = getattr(middleware, "async_capable", False)
        if not can_sync and not can_async:
            raise RuntimeError(
                f"Middleware {path} must have at least one of sync_capable/async_capable set to True."
            )
        is_async = False if not self._inner_is_async and can_sync else can_async
        adapted = self._handler.adapt_method_mode(
            is_async, self._fused(), self._inner_is_async, debug=settings.DEBUG, name=f"middleware {path}"
        )
        instance = middleware(adapted)
        if instance is None:
            raise ImproperlyConfigured(f"Middleware factory {path} returned None.")
        self._add_methods(instance, native.never_blocks(middleware))
        self._inner, self._inner_is_async = convert_exception_to_response(instance), is_async
        self._innermost, self._steps = False, []

    def _add_methods(self, instance: Any, never_blocks: bool) -> None:
        adapt = self._handler.adapt_method_mode
        if hasattr(instance, "process_view"):
            method = adapt(self._is_async, instance.process_view)
            self.views.insert(0, method)
            is_quick = never_blocks and not is_async_callable(instance.process_view)
            self.view_steps.insert(0, (is_quick, instance.process_view if is_quick else method, None))
        if hasattr(instance, "process_template_response"):
            method = instance.process_template_response
            self.templates.append(adapt(self._is_async, method))
            if is_async_callable(method):
                self.templates_in_sync = None
            elif self.templates_in_sync is not None:
                self.templates_in_sync.append(method)
        if hasattr(instance, "process_exception"):
            self.exceptions.append(adapt(False, instance.process_exception))
            self.exceptions_wait = self.exceptions_wait or not never_blocks

    def _fused(self) -> Any:
        """The run so far as one callable; exceptions of the view are responses from here on."""
        if self._steps:
            steps = list(reversed(self._steps))
            return fuse(steps, self._inner, is_async=self._inner_is_async, innermost=self._innermost)
        return convert_exception_to_response(self._inner) if self._innermost else self._inner


def _wrapped_by_tools(handler: type) -> Iterator[str]:
    """Methods that Django's own classes no longer have from Django."""
    for owner in handler.__mro__:
        if owner.__module__.startswith("django."):
            for name, value in vars(owner).items():
                home = getattr(value, "__globals__", None)
                if home is not None and home is not vars(sys.modules[owner.__module__]):
                    yield name


def _is_async_view(view: Any) -> bool:
    """Whether Django takes it for async; of a plain function its flag says so, or a mark that somebody has set."""
    if type(view) is FunctionType:
        if view.__code__.co_flags & CO_COROUTINE:
            return True
        if MARKS.isdisjoint(vars(view)):
            return False
    return bool(is_async_callable(view))


def _note_unused(path: str, error: MiddlewareNotUsed) -> None:
    if settings.DEBUG:
        if str(error):
            logger.debug("MiddlewareNotUsed(%r): %s", path, error)
        else:
            logger.debug("MiddlewareNotUsed: %r", path)
