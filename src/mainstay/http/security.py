"""Security settings, as strict as the public address allows."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import django

from mainstay.base import environment, wire

HSTS_SECONDS = 30 * 24 * 3600
"""A month: long enough for a visitor who comes back, short enough to undo."""

POLICY = {
    "default-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "object-src": ["'none'"],
    "base-uri": ["'self'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
}
"""Nothing inline and nothing from elsewhere; Django's admin works with it."""

CSP = "django.middleware.csp.ContentSecurityPolicyMiddleware"

LEFT_TO_THE_EDGE = "security.W008"
"""Redirecting to https is the edge's work: services call one another over http on loopback."""
NOT_OURS_TO_PROMISE = ("security.W005", "security.W021")
"""HSTS for all subdomains, and in the browsers' lists: these bind names that other systems serve."""


def security(hsts_seconds: int = HSTS_SECONDS) -> dict[str, Any]:
    """
    Cookies, HSTS, framing, referrer, opener, CSP and the page for a failed CSRF check.

    Use it as ``globals().update(mainstay.security())``; what stands below that line wins.
    Cookies are for https only, and HSTS is sent, when the public address is https:
    over http both would lock everybody out. ``SECURE_CSP`` comes with Django 6 and is sent by what
    `csp_middleware` names.
    """
    is_https = urlsplit(environment.text(wire.PUBLIC_URL)).scheme == "https"
    return {
        "CSRF_COOKIE_SAMESITE": "Lax",
        "CSRF_COOKIE_SECURE": is_https,
        "CSRF_FAILURE_VIEW": "mainstay.http.problems.handlers.csrf_failure",
        "LANGUAGE_COOKIE_SAMESITE": "Lax",
        "LANGUAGE_COOKIE_SECURE": is_https,
        "SECURE_CONTENT_TYPE_NOSNIFF": True,
        "SECURE_CROSS_ORIGIN_OPENER_POLICY": "same-origin",
        "SECURE_HSTS_SECONDS": hsts_seconds if is_https else 0,
        "SECURE_REFERRER_POLICY": "same-origin",
        "SECURE_SSL_REDIRECT": False,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": is_https,
        "SILENCED_SYSTEM_CHECKS": [LEFT_TO_THE_EDGE, *NOT_OURS_TO_PROMISE] if is_https else [],
        "X_FRAME_OPTIONS": "DENY",
        **({"SECURE_CSP": {name: list(sources) for name, sources in POLICY.items()}} if _has_csp() else {}),
    }


def csp_middleware() -> list[str]:
    """
    The middleware that sends ``SECURE_CSP``, for ``MIDDLEWARE``; nothing where Django has none, which is below 6.

    Use it as ``MIDDLEWARE = [*mainstay.MIDDLEWARE, "…SecurityMiddleware", *mainstay.csp_middleware(), …]``.
    """
    return [CSP] if _has_csp() else []


def _has_csp() -> bool:
    return django.VERSION >= (6, 0)
