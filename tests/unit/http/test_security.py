"""As strict as the public address allows."""

from __future__ import annotations

import django
import pytest
from django.utils.module_loading import import_string

from mainstay import settings as mainstay


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "", "ftp://x", "https"])
def test_over_http_nobody_is_locked_out(monkeypatch, url):
    monkeypatch.setenv("MAINSTAY_PUBLIC_URL", url)
    given = mainstay.security()
    assert not given["SESSION_COOKIE_SECURE"]
    assert not given["CSRF_COOKIE_SECURE"]
    assert given["SECURE_HSTS_SECONDS"] == 0
    assert given["SILENCED_SYSTEM_CHECKS"] == []


def test_over_https_cookies_and_browsers_stay_there(monkeypatch):
    monkeypatch.setenv("MAINSTAY_PUBLIC_URL", "https://shop.example")
    given = mainstay.security(hsts_seconds=60)
    assert given["SESSION_COOKIE_SECURE"]
    assert given["CSRF_COOKIE_SECURE"]
    assert given["SECURE_HSTS_SECONDS"] == 60
    assert not given["SECURE_SSL_REDIRECT"]  # services call one another over http


def test_what_is_given_may_be_changed(monkeypatch):
    given = mainstay.security()
    given.setdefault("SECURE_CSP", {})["default-src"] = ["*"]
    given["SILENCED_SYSTEM_CHECKS"].append("x.W001")
    assert mainstay.security() != given


def test_a_policy_where_django_has_one():
    """With the middleware that sends it, which is there to be imported."""
    assert ("SECURE_CSP" in mainstay.security()) == (django.VERSION >= (6, 0))
    assert len(mainstay.csp_middleware()) == (django.VERSION >= (6, 0))
    for path in mainstay.csp_middleware():
        assert import_string(path)
