"""As strict as the public address allows, and clean by Django's own judgement."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import django
import pytest

from mainstay import settings as mainstay

ROOT = Path(__file__).resolve().parents[3]


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
    assert ("SECURE_CSP" in mainstay.security()) == (django.VERSION >= (6, 0))


@pytest.mark.parametrize("service", ["catalog", "orders", "payments"])
def test_boxoffice_is_clean_in_a_system_with_an_https_address(service):
    words = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    system = {
        "DJANGO_SETTINGS_MODULE": f"{service}.settings",
        "MAINSTAY_SERVICE": service,
        "MAINSTAY_KIND": "web",
        "MAINSTAY_INTERFACE": "wsgi" if service == "payments" else "asgi",
        "MAINSTAY_PUBLIC_URL": "https://shop.example",
        "MAINSTAY_ALLOWED_HOSTS": "shop.example",
        "DATABASE_URL": "postgres://shop:secret@127.0.0.1:9/shop",
        "CACHE_URL": "redis://127.0.0.1:9/0",
        "SECRET_KEY": "abcdefghijklmnopqrstuvwxyz-0123456789-ABCDEFGHIJKLM-NOP",
    }
    folder = ROOT / "boxoffice" / service
    done = subprocess.run(words, cwd=folder, env={**os.environ, **system}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "no issues (3 silenced)" in done.stdout
