"""
Django settings, built from the environment and plain to read.

Import it at the top of a settings file and use what you want; every function returns
an ordinary dictionary or list that you may print and change::

    from mainstay import settings as mainstay

    SECRET_KEY = mainstay.secret_key()
    ALLOWED_HOSTS = mainstay.allowed_hosts()
    INSTALLED_APPS = [*mainstay.installed_apps(), "django.contrib.auth", ...]
    MIDDLEWARE = [*mainstay.MIDDLEWARE, "django.middleware.security.SecurityMiddleware", ...]
    DATABASES = mainstay.databases(BASE_DIR)
    DATABASE_ROUTERS = mainstay.DATABASE_ROUTERS
    CACHES = mainstay.caches()
    LOGGING = mainstay.observability()
    globals().update(mainstay.security())

With no environment each gives a value for development. Nothing here reads Django's
settings or opens a connection.
"""

from __future__ import annotations

from mainstay.base import environment
from mainstay.cache.settings import caches
from mainstay.db.settings import DATABASE_ROUTERS, databases
from mainstay.http.security import csp_middleware, security
from mainstay.http.settings import (
    MIDDLEWARE,
    allowed_hosts,
    csrf_trusted_origins,
    internal_token,
    secret_key,
    service_url,
    static_root,
    storages,
)
from mainstay.observability.reports import setup as sentry
from mainstay.observability.settings import logging, observability
from mainstay.realtime.settings import channel_layers
from mainstay.tasks.settings import installed_apps as _task_apps
from mainstay.tasks.settings import tasks

__all__ = [
    "DATABASE_ROUTERS",
    "MIDDLEWARE",
    "allowed_hosts",
    "caches",
    "channel_layers",
    "csp_middleware",
    "csrf_trusted_origins",
    "databases",
    "debug",
    "installed_apps",
    "internal_token",
    "logging",
    "observability",
    "secret_key",
    "security",
    "sentry",
    "service_url",
    "static_root",
    "storages",
    "tasks",
]


def debug() -> bool:
    """``DEBUG``: on for development, never in a process of a running system."""
    return not environment.is_managed()


def installed_apps() -> list[str]:
    """The apps behind these settings; put them before your own, so that yours can override."""
    return ["mainstay.http", "mainstay.db", *_task_apps()]
