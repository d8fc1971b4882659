"""How ``MIDDLEWARE`` becomes one callable: the counterpart of Django's ``BaseHandler``."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed
from django.core.handlers.base import BaseHandler, logger
from django.core.handlers.exception import convert_exception_to_response
from django.utils.module_loading import import_string


class FastHandler(BaseHandler):
    """
    What both fast handlers share.

    No method calls ``super()``: `install` puts them into Django's own class.
    """

    _get_response: Any
    _get_response_async: Any

    def load_middleware(self, is_async: bool = False) -> None:
        """
        Fill the middleware lists and the chain from ``settings.MIDDLEWARE``, like Django.

        Raises:
            RuntimeError: A middleware is capable of neither sync nor async.
            ImproperlyConfigured: A middleware factory returned None.
        """
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        get_response: Any = self._get_response_async if is_async else self._get_response
        handler = convert_exception_to_response(get_response)
        handler_is_async = is_async
        for path in reversed(settings.MIDDLEWARE):
            handler, handler_is_async = self._add_adapted(path, handler, handler_is_async, is_async)
        self._middleware_chain = self.adapt_method_mode(is_async, handler, handler_is_async)

    def _add_adapted(
        self, path: str, handler: Any, handler_is_async: bool, is_async: bool
    ) -> tuple[Any, bool]:
        middleware = import_string(path)
        can_sync = getattr(middleware, "sync_capable", True)
        can_async = getattr(middleware, "async_capable", False)
        if not can_sync and not can_async:
            raise RuntimeError(
                f"Middleware {path} must have at least one of sync_capable/async_capable set to True."
            )
        middleware_is_async = False if not handler_is_async and can_sync else can_async
        try:
            adapted = self.adapt_method_mode(
                middleware_is_async,
                handler,
                handler_is_async,
                debug=settings.DEBUG,
                name=f"middleware {path}",
            )
            instance = middleware(adapted)
        except MiddlewareNotUsed as error:
            _note_unused(path, error)
            return handler, handler_is_async
        if instance is None:
            raise ImproperlyConfigured(f"Middleware factory {path} returned None.")
        if hasattr(instance, "process_view"):
            self._view_middleware.insert(0, self.adapt_method_mode(is_async, instance.process_view))
        if hasattr(instance, "process_template_response"):
            self._template_response_middleware.append(
                self.adapt_method_mode(is_async, instance.process_template_response)
            )
        if hasattr(instance, "process_exception"):
            self._exception_middleware.append(self.adapt_method_mode(False, instance.process_exception))
        return convert_exception_to_response(instance), middleware_is_async


def _note_unused(path: str, error: MiddlewareNotUsed) -> None:
    if settings.DEBUG:
        if str(error):
            logger.debug("MiddlewareNotUsed(%r): %s", path, error)
        else:
            logger.debug("MiddlewareNotUsed: %r", path)
