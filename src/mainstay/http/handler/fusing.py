"""
Adjacent native middleware as one function.

It behaves like the nest of calls that Django builds: an answer given early passes the
``process_response`` of its own and of every outer middleware; an exception becomes a response at
the boundary of the layer that raised it, which the outer ones see. Should making that response
raise as well, the next layer outwards has its turn, as in Django.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.exception import response_for_exception

from mainstay.http.handler.steps import BLOCKS, Step


def fuse(steps: Sequence[Step], inner: Callable[[Any], Any], *, is_async: bool, innermost: bool) -> Any:
    """
    The steps, outermost first, around ``inner``.

    ``innermost`` says that ``inner`` is the handler's own ``_get_response``, whose exceptions
    nobody has turned into responses yet: that is one layer more.
    """
    size = len(steps)
    layer = size if innermost else size - 1
    befores = [(at, step.before, step.before_full) for at, step in enumerate(steps) if step.before]
    afters = [(at, step.after, step.after_full) for at, step in enumerate(steps) if step.after]
    afters.reverse()
    make = _fuse_async if is_async else _fuse_sync
    return make(befores, afters, inner, size, layer)


def convert(request: Any, error: Exception, layer: int) -> tuple[Any, int]:
    """
    The response for an exception that left ``layer``, and the layer that made it.

    To be called while the exception is handled, which is where Django looks for it.
    """
    try:
        return response_for_exception(request, error), layer
    except Exception as another:
        if layer == 0:
            raise
        return convert(request, another, layer - 1)


_convert_elsewhere = sync_to_async(convert, thread_sensitive=False)


def _entering(befores: Any, size: int) -> Any:
    def enter(request: Any, start: int) -> tuple[Any, int]:
        """The early response or None, and the number of layers whose ``after`` has to see it."""
        for at, before, full in befores:
            if at < start:
                continue
            try:
                response = before(request)
                if response is BLOCKS:
                    response = full(request)
            except Exception as error:
                return convert(request, error, at)
            if response:
                return response, at + 1
        return None, size

    return enter


def _leaving(afters: Any) -> Any:
    def leave(request: Any, response: Any, reach: int) -> Any:
        """The response after every layer below ``reach``, from the inside out."""
        for at, after, full in afters:
            if at < reach:
                try:
                    replaced = after(request, response)
                    response = full(request, response) if replaced is BLOCKS else replaced
                except Exception as error:
                    response, reach = convert(request, error, at)
        return response

    return leave


def _fuse_sync(befores: Any, afters: Any, inner: Callable[[Any], Any], size: int, layer: int) -> Any:
    leave = _leaving(afters)

    def respond(request: Any) -> Any:
        response, reach, at = None, size, 0
        try:
            for at, before, full in befores:
                response = before(request)
                if response is BLOCKS:
                    response = full(request)
                if response:
                    reach = at + 1
                    break
            else:
                response = None
        except Exception as error:
            response, reach = convert(request, error, at)
        if response is None:
            try:
                response = inner(request)
            except Exception as error:
                response, reach = convert(request, error, layer)
        return leave(request, response, reach)

    return respond


def _fuse_async(befores: Any, afters: Any, inner: Callable[[Any], Any], size: int, layer: int) -> Any:
    enter_in_thread = sync_to_async(_entering(befores, size), thread_sensitive=True)
    leave_in_thread = sync_to_async(_leaving(afters), thread_sensitive=True)

    async def respond(request: Any) -> Any:
        response, reach, at = None, size, 0
        try:
            for at, before, _ in befores:
                response = before(request)
                if response is not None:
                    reach = at + 1
                    break
        except Exception as error:
            response, reach = await _convert_elsewhere(request, error, at)
        if response is BLOCKS:
            response, reach = await enter_in_thread(request, at)
        if response is None:
            try:
                response = await inner(request)
            except Exception as error:
                response, reach = await _convert_elsewhere(request, error, layer)
        for at, after, _ in afters:
            if at < reach:
                try:
                    replaced = after(request, response)
                except Exception as error:
                    response, reach = await _convert_elsewhere(request, error, at)
                    continue
                if replaced is BLOCKS:
                    return await leave_in_thread(request, response, at + 1)
                response = replaced
        return response

    return respond
