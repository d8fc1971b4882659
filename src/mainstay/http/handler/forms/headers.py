"""Middleware that only add headers: security, clickjacking, content security policy."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http.response import ResponseHeaders

from mainstay.http.handler.steps import Step


def security(middleware: Any) -> Step:
    """``SecurityMiddleware``, whose settings are fixed when it is made."""
    always = {
        "X-Content-Type-Options": "nosniff" if middleware.content_type_nosniff else "",
        "Referrer-Policy": _referrer_policy(middleware.referrer_policy),
        "Cross-Origin-Opener-Policy": middleware.cross_origin_opener_policy or "",
    }
    over_http = _validated(always)
    over_https = _validated({"Strict-Transport-Security": _transport(middleware), **always})
    is_strict = over_http != over_https
    in_full = middleware.process_response

    def after(request: Any, response: Any) -> Any:
        headers = response.headers
        if type(headers) is not ResponseHeaders:
            return in_full(request, response)
        store = headers._store
        for key, pair in over_https if is_strict and request.is_secure() else over_http:
            if key not in store:
                store[key] = pair
        return response

    return Step(before=middleware.process_request if middleware.redirect else None, after=after)


def frame_options(middleware: Any) -> Step:
    """``XFrameOptionsMiddleware``, which reads its setting for each response."""
    in_full = middleware.process_response
    known: dict[Any, tuple[str, str]] = {}

    def after(request: Any, response: Any) -> Any:
        headers = response.headers
        if type(headers) is not ResponseHeaders:
            return in_full(request, response)
        store = headers._store
        if "x-frame-options" in store or getattr(response, "xframe_options_exempt", False):
            return response
        value = getattr(settings, "X_FRAME_OPTIONS", "DENY")
        if value in known:
            store["x-frame-options"] = known[value]
            return response
        response = in_full(request, response)
        if len(known) < 8:  # a setting has one value; a test may override it
            known[value] = store["x-frame-options"]
        return response

    return Step(after=after)


def content_security_policy(middleware: Any) -> Step:
    """``ContentSecurityPolicyMiddleware`` of Django 6: no waiting in it, so it runs as it is."""
    return Step(before=middleware.process_request, after=middleware.process_response)


def _validated(headers: dict[str, str]) -> tuple[tuple[str, tuple[str, str]], ...]:
    """The headers that have a value, as a response stores them, checked by Django itself."""
    checked = ResponseHeaders({name: value for name, value in headers.items() if value})
    return tuple(checked._store.items())


def _transport(middleware: Any) -> str:
    if not middleware.sts_seconds:
        return ""
    subdomains = "; includeSubDomains" if middleware.sts_include_subdomains else ""
    return f"max-age={middleware.sts_seconds}{subdomains}{'; preload' if middleware.sts_preload else ''}"


def _referrer_policy(policy: Any) -> str:
    if not policy:
        return ""
    return ",".join([value.strip() for value in policy.split(",")] if isinstance(policy, str) else policy)
