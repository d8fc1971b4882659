"""The settings door: what it gives without an environment, in a system, and when something is wrong."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from mainstay import settings as mainstay
from mainstay.base.errors import InvalidInput


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "DATABASE_URL",
        "CACHE_URL",
        "MEMCACHED_URL",
        "SECRET_KEY",
        "MAINSTAY_SERVICE",
        "MAINSTAY_KIND",
    ):
        monkeypatch.delenv(name, raising=False)


def test_door_opens_before_django_is_set_up() -> None:
    code = (
        "import sys; from mainstay import settings; settings.logging(); settings.tasks(); settings.caches();"
        "print([m for m in ('django.db.models', 'psycopg', 'sentry_sdk', 'prometheus_client') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert run.stdout == "[]\n", run.stderr


def test_development_needs_no_environment() -> None:
    assert mainstay.databases("/srv")["default"]["NAME"] == "/srv/db.sqlite3"
    assert mainstay.caches()["default"]["BACKEND"].endswith("LocMemCache")
    assert mainstay.channel_layers()["default"]["BACKEND"] == "channels.layers.InMemoryChannelLayer"
    assert mainstay.tasks()["default"]["BACKEND"].endswith("ImmediateBackend")
    assert mainstay.secret_key().startswith("django-insecure-")
    assert mainstay.sentry() is False


def test_values_are_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINSTAY_KIND", "manage")
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:pw@db:5432/shop")
    values = [mainstay.databases(), mainstay.channel_layers(), mainstay.tasks(), mainstay.storages()]
    assert json.loads(json.dumps(values)) == values


def test_a_running_system_without_a_secret_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINSTAY_SERVICE", "shop")
    with pytest.raises(InvalidInput) as error:
        mainstay.secret_key()
    assert error.value.problems[0].path == "SECRET_KEY"


def test_hosts_and_origins_follow_the_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINSTAY_ALLOWED_HOSTS", "shop.example, www.shop.example")
    monkeypatch.setenv("MAINSTAY_PUBLIC_URL", "http://127.0.0.1:8000/")
    assert mainstay.allowed_hosts()[:2] == ["shop.example", "www.shop.example"]
    assert "127.0.0.1" in mainstay.allowed_hosts()
    assert mainstay.csrf_trusted_origins() == [
        "http://127.0.0.1:8000",
        "https://shop.example",
        "https://www.shop.example",
    ]


def test_service_url_names_what_to_add(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINSTAY_URL_PAY_ROLL", "http://127.0.0.1:9/")
    assert mainstay.service_url("pay-roll") == "http://127.0.0.1:9"
    with pytest.raises(InvalidInput, match=r'add calls = \["payments"\]'):
        mainstay.service_url("payments")


def test_static_files_are_hashed_only_where_they_are_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = mainstay.storages()["staticfiles"]["BACKEND"]
    monkeypatch.setenv("MAINSTAY_STATIC_ROOT", "/srv/static")
    hashed = mainstay.storages()["staticfiles"]["BACKEND"]
    assert plain.endswith(".StaticFilesStorage")
    assert hashed == "whitenoise.storage.CompressedManifestStaticFilesStorage"
    assert mainstay.static_root() == "/srv/static"


def test_apps_are_the_same_in_every_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    without = mainstay.installed_apps()
    monkeypatch.setenv("DATABASE_URL", "postgresql://app@db/shop")
    assert mainstay.installed_apps() == without
    assert without[:2] == ["mainstay.http", "mainstay.db"]
    assert "django_tasks_db" in without
