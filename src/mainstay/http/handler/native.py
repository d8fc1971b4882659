"""
Which middleware has a native form, and why another has none.

A form belongs to exactly one class. A subclass may have changed anything, and so may a tool that
replaced a method of the class, so both run as in Django.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import FunctionType
from typing import Any

from mainstay.http.handler.steps import Step

Build = Callable[[Any], "Step | str"]
"""The native form of a middleware instance, or the reason why it has none with these settings."""

_HERE = "mainstay.http.handler.forms"
FORMS = {
    "django.middleware.security.SecurityMiddleware": f"{_HERE}.headers:security",
    "django.middleware.clickjacking.XFrameOptionsMiddleware": f"{_HERE}.headers:frame_options",
    "django.middleware.csp.ContentSecurityPolicyMiddleware": f"{_HERE}.headers:content_security_policy",
    "django.middleware.common.CommonMiddleware": f"{_HERE}.bodies:common",
    "django.middleware.http.ConditionalGetMiddleware": f"{_HERE}.bodies:conditional_get",
    "django.middleware.gzip.GZipMiddleware": f"{_HERE}.bodies:gzip",
    "django.middleware.locale.LocaleMiddleware": f"{_HERE}.bodies:locale",
    "django.middleware.csrf.CsrfViewMiddleware": f"{_HERE}.state:csrf",
    "django.contrib.sessions.middleware.SessionMiddleware": f"{_HERE}.state:sessions",
    "django.contrib.auth.middleware.AuthenticationMiddleware": f"{_HERE}.state:authentication",
    "django.contrib.auth.middleware.LoginRequiredMiddleware": f"{_HERE}.state:login_required",
    "django.contrib.messages.middleware.MessageMiddleware": f"{_HERE}.state:messages",
    "whitenoise.middleware.WhiteNoiseMiddleware": f"{_HERE}.static:whitenoise",
}

NOT_KNOWN = "not a middleware that Mainstay has a native form of"
SUBCLASS = "extends {}, and may have changed what it does"
PATCHED = "its method {} was replaced by another program"
NEEDS_NO_THREAD = "runs as it is and without a thread, since it says that it never blocks"
SWITCHED_OFF = 'runs as in Django, as MAINSTAY["http"] asks'
NEVER_BLOCKS = "never_blocks"
"""
Class attribute of a middleware whose ``process_*`` methods wait for nothing.

Under ASGI they are called where they are, without a thread.
"""


@dataclass(frozen=True, slots=True)
class Handling:
    """What was made of one entry of ``MIDDLEWARE``; ``why`` is empty for a native one."""

    path: str
    native: bool
    why: str = ""
    used: bool = True


def candidate(middleware: Any) -> tuple[Build | None, str]:
    """The builder of the form for this class, or why there is none."""
    if not isinstance(middleware, type):
        return None, NOT_KNOWN
    name = f"{middleware.__module__}.{middleware.__qualname__}"
    if name in FORMS and getattr(sys.modules.get(middleware.__module__), middleware.__qualname__, None):
        patched = _patched(middleware)
        return (None, PATCHED.format(patched)) if patched else (_build(FORMS[name]), "")
    if never_blocks(middleware):
        return None, NEEDS_NO_THREAD
    for parent in middleware.__mro__[1:]:
        if f"{parent.__module__}.{parent.__qualname__}" in FORMS:
            return None, SUBCLASS.format(parent.__qualname__)
    return None, NOT_KNOWN


def never_blocks(middleware: Any) -> bool:
    """Whether this very class, not a parent, says so."""
    return isinstance(middleware, type) and vars(middleware).get(NEVER_BLOCKS) is True


@cache
def _build(place: str) -> Build:
    module, _, name = place.partition(":")
    build: Build = getattr(import_module(module), name)
    return build


def _patched(middleware: type) -> str:
    """The name of a method that does not come from where its class was written, or nothing."""
    for owner in middleware.__mro__[:-1]:
        home = vars(sys.modules[owner.__module__])
        for name, value in _methods(vars(owner)):
            if not isinstance(value, FunctionType) or value.__globals__ is not home:
                return name
    return ""


def _methods(members: Any) -> Iterable[tuple[str, Any]]:
    for name, value in members.items():
        plain = value.__func__ if isinstance(value, (staticmethod, classmethod)) else value
        if callable(plain) and not isinstance(plain, type):
            yield name, plain
