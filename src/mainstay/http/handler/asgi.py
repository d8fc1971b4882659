"""
The fast twin of Django's ``ASGIHandler``.

What costs Django's about a millisecond of processor time per request is not work but changes of
thread. This one makes them for a sync view, for what must ask a database, and for receivers
and closers that it does not know; for nothing else.
"""

from __future__ import annotations

from contextlib import closing, suppress
from typing import Any

from asgiref.sync import AsyncToSync, SyncToAsync, sync_to_async
from django.core import signals
from django.core.cache import close_caches
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix
from django.core.handlers.base import reset_urlconf
from django.db import close_old_connections, reset_queries
from django.http.response import HttpResponseBase, ResponseHeaders
from django.urls import set_script_prefix

from mainstay.http.handler.chain import FastHandler
from mainstay.http.handler.watching import until_gone

_OF_CONTEXT = frozenset(map(id, (close_caches, reset_urlconf)))
"""Receivers that wait for nothing, and may run anywhere in the request's context."""
_KNOWN = _OF_CONTEXT | frozenset(map(id, (close_old_connections, reset_queries)))
"""Those, and the ones that tidy up the connections of their thread, so do nothing where there are none."""

_send_in_django = ASGIHandler.send_response
_close_in_django = HttpResponseBase.close


class FastASGIHandler(FastHandler, ASGIHandler):
    """Django's ASGI application on the fast chain."""

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request; the view is cancelled when its client goes away."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with closing(body):
            set_script_prefix(get_script_prefix(scope))
            await self._mainstay_signal(signals.request_started, scope=scope)
            request, refusal = self.create_request(scope, body)
            if request is None:
                await self.send_response(refusal, send)
                await self._mainstay_close(refusal)
                return
            sent: list[Any] = []
            await until_gone(
                self._mainstay_respond(request, send, sent), lambda: self.listen_for_disconnect(receive)
            )
            if sent:
                await self._mainstay_close(sent[0])
            else:
                await self._mainstay_signal(signals.request_finished)

    async def _mainstay_respond(self, request: Any, send: Any, sent: list[Any]) -> None:
        response = await self.run_get_response(request)
        sent.append(response)
        await self.send_response(response, send)

    async def send_response(self, response: Any, send: Any) -> None:
        """Send an answer; one in one piece that fits into a chunk takes the short way."""
        if not _is_plain(response) or len(content := response.content) > self.chunk_size:
            await _send_in_django(self, response, send)
            return
        pairs = response.headers._store.values()
        headers = [(name.encode("ascii"), value.encode("latin1")) for name, value in pairs]
        cookies = response.cookies
        headers += [(b"Set-Cookie", cookie.OutputString().encode("ascii")) for cookie in cookies.values()]
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": content, "more_body": False})

    async def _mainstay_signal(self, signal: Any, **named: Any) -> None:
        """Send a signal of the request; without a change of thread when nobody needs one."""
        receivers = _quick_receivers(signal, self.__class__)
        if receivers is None:
            await signal.asend(sender=self.__class__, **named)
            return
        for receiver in receivers:
            receiver(signal=signal, sender=self.__class__, **named)

    async def _mainstay_close(self, response: Any) -> None:
        """``response.close()``, here when nothing in it can wait."""
        receivers = _quick_receivers(signals.request_finished, response._handler_class)
        if receivers is None or not _closes_quickly(response):
            await sync_to_async(response.close, thread_sensitive=True)()
            return
        for closer in response._resource_closers:
            with suppress(Exception):  # as Django: what cannot be closed stops nobody
                closer()
        response._resource_closers.clear()
        response.closed = True
        for receiver in receivers:
            receiver(signal=signals.request_finished, sender=response._handler_class)


def _quick_receivers(signal: Any, sender: Any) -> list[Any] | None:
    """
    The receivers to call here, or None when the signal has to be sent in Django's way.

    That is so as soon as one receiver is unknown, or when this request has a thread, whose
    connections have to be looked after in that thread.
    """
    if _has_thread():
        return None
    in_sync, in_async = signal._live_receivers(sender)
    if in_async or not _KNOWN.issuperset(map(id, in_sync)):
        return None
    return [receiver for receiver in in_sync if id(receiver) in _OF_CONTEXT]


def _has_thread() -> bool:
    """Whether sync code of this request would find a thread that has worked before."""
    if getattr(AsyncToSync.executors, "current", None):
        return True
    context = SyncToAsync.thread_sensitive_context.get(None)
    return context is None or context in SyncToAsync.context_to_thread_executor


def _is_plain(response: Any) -> bool:
    return (
        not response.streaming
        and type(response).items is HttpResponseBase.items
        and type(response.headers) is ResponseHeaders
    )


def _closes_quickly(response: Any) -> bool:
    if type(response).close is not _close_in_django:
        return False
    return all(
        getattr(closer, "__func__", None) is ASGIRequest.close for closer in response._resource_closers
    )
