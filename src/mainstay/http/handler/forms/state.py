"""
Middleware that carry state: sessions, CSRF, users, messages.

Their quick forms see, without reading anything, that this request has nothing to load and
nothing to save. All else is left to Django's own method, which may ask a database.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.messages.storage import default_storage
from django.utils.functional import SimpleLazyObject, empty

from mainstay.http.handler.reading import setting
from mainstay.http.handler.steps import BLOCKS, Step

SESSION_STORES = frozenset(
    f"django.contrib.sessions.backends.{name}" for name in ("db", "cache", "cached_db", "signed_cookies")
)
MESSAGE_STORES = frozenset(
    f"django.contrib.messages.storage.{name}"
    for name in ("fallback.FallbackStorage", "cookie.CookieStorage", "session.SessionStorage")
)
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))
CSRF_FAILURE_VIEWS = frozenset(
    ("django.views.csrf.csrf_failure", "mainstay.http.problems.handlers.csrf_failure")
)
"""Neither waits for anything but a template; `mainstay.security` sets the second."""


def sessions(middleware: Any) -> Step | str:
    """``SessionMiddleware`` with a store of Django's."""
    store = middleware.SessionStore
    if store.__module__ not in SESSION_STORES or store.__qualname__ != "SessionStore":
        return f"the session store {store.__module__} is not Django's, so it may wait anywhere"
    in_full = middleware.process_response

    def before(request: Any) -> None:
        request.session = store(request.COOKIES.get(setting("SESSION_COOKIE_NAME")))

    def after(request: Any, response: Any) -> Any:
        session: Any = getattr(request, "session", None)
        if type(session) is not store:
            return BLOCKS
        empty = session.is_empty()
        if not empty and (session.modified or setting("SESSION_SAVE_EVERY_REQUEST")):
            return BLOCKS
        if (
            session.accessed
            or session.modified
            or (empty and setting("SESSION_COOKIE_NAME") in request.COOKIES)
        ):
            return in_full(request, response)  # a cookie taken back and a header: nothing is stored
        return response

    return Step(before=before, after=after, after_full=in_full)


def csrf(middleware: Any) -> Step:
    """``CsrfViewMiddleware``; safe methods and exempt views are decided here."""
    enter_in_full, view_in_full = middleware.process_request, middleware.process_view
    leave_in_full = middleware.process_response

    def before(request: Any) -> Any:
        if setting("CSRF_USE_SESSIONS"):
            return BLOCKS
        if setting("CSRF_COOKIE_NAME") not in request.COOKIES:
            return None
        return enter_in_full(request)

    def view(request: Any, callback: Any, args: Any, kwargs: Any) -> Any:
        if getattr(request, "csrf_processing_done", False) or getattr(callback, "csrf_exempt", False):
            return None
        if request.method in SAFE_METHODS:
            request.csrf_processing_done = True
            return None
        if _may_wait(request):
            return BLOCKS
        return view_in_full(request, callback, args, kwargs)

    def after(request: Any, response: Any) -> Any:
        if not request.META.get("CSRF_COOKIE_NEEDS_UPDATE"):
            return response
        return BLOCKS if settings.CSRF_USE_SESSIONS else leave_in_full(request, response)

    return Step(before, enter_in_full, after, leave_in_full, view, view_in_full)


def _may_wait(request: Any) -> bool:
    """Whether checking the token may read the session, write an upload or run a project's view."""
    return (
        settings.CSRF_USE_SESSIONS
        or request.content_type == "multipart/form-data"
        or settings.CSRF_FAILURE_VIEW not in CSRF_FAILURE_VIEWS
    )


def authentication(middleware: Any) -> Step:
    """``AuthenticationMiddleware``: the user is looked up only when somebody asks."""
    return Step(before=middleware.process_request)


def login_required(middleware: Any) -> Step:
    """``LoginRequiredMiddleware``, which asks for the user and so may query a database."""

    def view(request: Any, callback: Any, args: Any, kwargs: Any) -> Any:
        return BLOCKS

    return Step(view=view, view_full=middleware.process_view)


def messages(middleware: Any) -> Step | str:
    """
    ``MessageMiddleware`` with a store of Django's, made when somebody asks for it.

    Making one builds a signer, which is a tenth of a small request; like ``request.user``,
    ``request._messages`` stands for it until then.
    """
    if settings.MESSAGE_STORAGE not in MESSAGE_STORES:
        return f"the message store {settings.MESSAGE_STORAGE} is not Django's, so it may wait anywhere"
    enter_in_full, leave_in_full = middleware.process_request, middleware.process_response

    def before(request: Any) -> Any:
        if not hasattr(request, "session"):
            return enter_in_full(request)  # two of the three stores refuse to work without
        request._messages = SimpleLazyObject(lambda: default_storage(request))
        return None

    def after(request: Any, response: Any) -> Any:
        storage: Any = getattr(request, "_messages", None)
        if type(storage) is SimpleLazyObject:
            if storage._wrapped is empty:
                return response
            storage = storage._wrapped
        name = f"{type(storage).__module__}.{type(storage).__qualname__}"
        if name in MESSAGE_STORES and not storage.used and not storage.added_new:
            return response
        return BLOCKS

    return Step(before=before, after=after, after_full=leave_in_full)
