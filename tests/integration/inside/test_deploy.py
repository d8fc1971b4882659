"""The services of boxoffice in a system with an https address: Django has nothing to say about their settings."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import django
import pytest

from tests.integration.inside.database import Database

BOXOFFICE = Path(__file__).resolve().parents[3] / "boxoffice"
SILENT = re.compile(r"no issues \((\d) silenced\)")
REASONED = {"catalog": 3, "orders": 3 + (django.VERSION >= (6, 1)), "payments": 3}
"""Three are silenced by `mainstay.security`, each with its reason; orders sends no real mail."""


def check(service: str, database: str, **changes: str) -> subprocess.CompletedProcess[str]:
    system = {
        "DJANGO_SETTINGS_MODULE": f"{service}.settings",
        "MAINSTAY_SERVICE": service,
        "MAINSTAY_KIND": "web",
        "MAINSTAY_INTERFACE": "wsgi" if service == "payments" else "asgi",
        "MAINSTAY_PUBLIC_URL": "https://shop.example",
        "MAINSTAY_ALLOWED_HOSTS": "shop.example",
        "DATABASE_URL": database,
        "CACHE_URL": "redis://127.0.0.1:9/0",
        "SECRET_KEY": "abcdefghijklmnopqrstuvwxyz-0123456789-ABCDEFGHIJKLM-NOP",
    }
    words = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    environment = {**os.environ, **system, **changes}
    return subprocess.run(words, cwd=BOXOFFICE / service, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("service", ["catalog", "orders", "payments"])
def test_check_deploy_is_clean(postgres: Database, service: str) -> None:
    done = check(service, postgres.fresh())
    assert done.returncode == 0, done.stderr + done.stdout
    assert SILENT.search(done.stdout)[1] == str(REASONED[service])


def test_it_is_not_clean_over_http(postgres: Database) -> None:
    done = check("payments", postgres.fresh(), MAINSTAY_PUBLIC_URL="http://shop.example")
    assert done.returncode == 1
    assert "security.W012" in done.stderr  # a cookie for sessions that http would carry
