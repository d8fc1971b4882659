"""
The fast twin of Django's ``ASGIHandler``.

What costs Django's about a millisecond of processor time per request is not work but changes of
thread. This one makes them for a sync view, for what must ask a database, and for receivers
and closers that it does not know; for nothing else.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any
from weakref import getweakrefcount

from asgiref.sync import AsyncToSync, SyncToAsync, ThreadSensitiveContext, sync_to_async
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.http.response import HttpResponseBase, ResponseHeaders
from django.urls import set_script_prefix
from django.urls.base import _prefixes as script_prefixes  # type: ignore[attr-defined]

from mainstay.http.handler.asking import make_request
from mainstay.http.handler.chain import FastHandler
from mainstay.http.handler.reading import is_empty, setting
from mainstay.http.handler.receiving import FINISHED, STARTED, tidy_after
from mainstay.http.handler.watching import until_gone
from mainstay.http.handler.wsgi import quietly

_read_in_django = ASGIHandler.read_body
_create_in_django = ASGIHandler.create_request
_send_in_django = ASGIHandler.send_response
_close_in_django = HttpResponseBase.close


class FastASGIHandler(FastHandler, ASGIHandler):
    """Django's ASGI application on the fast chain."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """
        Answer one request, in a context of its own for sync code, as Django's ``__call__`` does.

        A tool that has wrapped Django's own is not passed by.
        """
        variable = SyncToAsync.thread_sensitive_context
        if scope["type"] != "http" or variable.get(None) is not None or "__call__" in self._mainstay_wrapped:
            await ASGIHandler.__call__(self, scope, receive, send)
            return
        # `async with ThreadSensitiveContext()` without two coroutines and an error that says that there was none.
        context = ThreadSensitiveContext()
        context.token = variable.set(context)
        try:
            await self.handle(scope, receive, send)
        finally:
            if getweakrefcount(context):  # the key of its thread
                await context.__aexit__(None, None, None)  # type: ignore[no-untyped-call]
            else:
                variable.reset(context.token)

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request; the view is cancelled when its client goes away."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        try:
            if (prefix := _script_prefix(scope)) or not is_empty(script_prefixes):
                set_script_prefix(prefix)
            is_own = _has_own_thread()
            if not is_own or _has_worked() or not STARTED.are_known(self.__class__):
                await STARTED.signal.asend(sender=self.__class__, scope=scope)
            request, refusal = self.create_request(scope, body)
            if request is None:
                await self.send_response(refusal, send)
                await self._mainstay_close(refusal, is_own)
                return
            sent: list[Any] = []
            await until_gone(
                self._mainstay_respond(request, send, sent), lambda: self.listen_for_disconnect(receive)
            )
            if sent:
                await self._mainstay_close(sent[0], is_own)
            elif is_own and not _has_worked() and FINISHED.are_known(self.__class__):
                tidy_after(in_thread=False)
            else:
                await FINISHED.signal.asend(sender=self.__class__)
        finally:
            body.close()

    async def read_body(self, receive: Any) -> Any:
        """The whole body, in the file that Django takes; for no body at all there needs to be none."""
        message = await receive()
        if message["type"] == "http.request" and not message.get("body") and not message.get("more_body"):
            return BytesIO()
        return await _read_in_django(self, _after(message, receive))

    def create_request(self, scope: Any, body_file: Any) -> tuple[Any, Any]:
        """The request and None, or None and the response that refuses it."""
        if self.request_class is ASGIRequest and "create_request" not in self._mainstay_wrapped:
            try:
                request = make_request(scope, body_file)
            except UnicodeDecodeError:
                request = None  # Django finds the same, logs it and answers
            if request is not None:
                return request, None
        create = ASGIHandler.create_request if self._mainstay_wrapped else _create_in_django
        return create(self, scope, body_file)

    async def _mainstay_respond(self, request: Any, send: Any, sent: list[Any]) -> None:
        response = await self.run_get_response(request)
        sent.append(response)
        await self.send_response(response, send)

    async def send_response(self, response: Any, send: Any) -> None:
        """Send an answer; one in one piece that fits into a chunk takes the short way."""
        if not _is_plain(response) or len(content := response.content) > self.chunk_size:
            await _send_in_django(self, response, send)
            return
        store = response.headers._store
        pairs = store.values()
        headers = [(name.encode("ascii"), value.encode("latin1")) for name, value in pairs]
        cookies = response.cookies
        headers += [(b"Set-Cookie", cookie.OutputString().encode("ascii")) for cookie in cookies.values()]
        # Found where nothing stands between this handler and the entrance.
        send_whole = getattr(getattr(send, "__self__", None), "_mainstay_send_whole", None)
        if send_whole is not None and "x-request-id" not in store:
            await send_whole(response.status_code, headers, content)
            return
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": content, "more_body": False})

    async def _mainstay_close(self, response: Any, is_own: bool) -> None:
        """``response.close()``, here when nothing in it can wait."""
        if (
            not is_own
            or _has_worked()
            or not _closes_quickly(response)
            or not FINISHED.are_known(response._handler_class)
        ):
            await sync_to_async(response.close, thread_sensitive=True)()
            return
        for closer in response._resource_closers:
            with quietly:
                closer()
        response._resource_closers.clear()
        response.closed = True
        tidy_after(in_thread=False)


def _script_prefix(scope: Any) -> str:
    """``get_script_prefix(scope)``, which reads its setting a longer way."""
    return setting("FORCE_SCRIPT_NAME") or scope.get("root_path") or ""


def _after(message: Any, receive: Any) -> Any:
    """``receive`` as it was before it gave this message."""
    given = False

    async def receive_again() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return message

    return receive_again


def _has_own_thread() -> bool:
    """Whether sync code of this request gets a thread of its own, not that of a caller."""
    in_context = SyncToAsync.thread_sensitive_context.get(None) is not None
    return in_context and (
        is_empty(AsyncToSync.executors) or not getattr(AsyncToSync.executors, "current", None)
    )


def _has_worked() -> bool:
    """Whether that thread exists already, so that it may hold connections."""
    context: Any = SyncToAsync.thread_sensitive_context.get()
    return getweakrefcount(context) > 0 and context in SyncToAsync.context_to_thread_executor


def _is_plain(response: Any) -> bool:
    return (
        not response.streaming
        and type(response).items is HttpResponseBase.items
        and type(response.headers) is ResponseHeaders
    )


def _closes_quickly(response: Any) -> bool:
    closers = response._resource_closers
    if type(response).close is not _close_in_django or len(closers) > 1:
        return False
    return not closers or getattr(closers[0], "__func__", None) is ASGIRequest.close
