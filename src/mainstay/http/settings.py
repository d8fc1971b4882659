"""Who the process is to the outside: secret, hosts, origins, static files, neighbors."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mainstay.base import environment, wire
from mainstay.base.environment import invalid

MIDDLEWARE = ["mainstay.http.middleware.EntranceMiddleware"]
"""Stands first, so that it sees what every other middleware raises."""

DEVELOPMENT_KEY = "django-insecure-mainstay-development-only"


def secret_key() -> str:
    """
    ``SECRET_KEY``; a fixed and marked one for development.

    Raises:
        InvalidInput: This process belongs to a running system that gave it no key.
    """
    key = environment.text(wire.SECRET_KEY)
    if not key and environment.is_managed():
        hint = "`mainstay up` makes one for each system"
        raise invalid(wire.SECRET_KEY, "a secret of 50 characters or more", "", hint)
    return key or DEVELOPMENT_KEY


def allowed_hosts() -> list[str]:
    """``ALLOWED_HOSTS``: the names that the edge accepts, and loopback for the neighbors inside."""
    hosts = environment.listed(wire.ALLOWED_HOSTS)
    return list(dict.fromkeys([*hosts, "localhost", "127.0.0.1", "[::1]"]))


def csrf_trusted_origins() -> list[str]:
    """``CSRF_TRUSTED_ORIGINS``: the edge's own address, and https for every named host."""
    origins = [f"https://{host}" for host in environment.listed(wire.ALLOWED_HOSTS) if host != "*"]
    if url := environment.text(wire.PUBLIC_URL):
        parts = urlsplit(url)
        origins.insert(0, f"{parts.scheme}://{parts.netloc}")
    return list(dict.fromkeys(origins))


def service_url(service: str) -> str:
    """
    The base URL of another service, without a slash at the end.

    Raises:
        InvalidInput: The service is not among those that this one ``calls``.
    """
    name = wire.service_url(service)
    if url := environment.text(name):
        return url.rstrip("/")
    hint = f'add calls = ["{service}"] to this service'
    raise invalid(name, f"the base URL of service {service!r}", "", hint)


def internal_token() -> str:
    """The secret that services of one system show each other; empty outside of a system."""
    return environment.text(wire.INTERNAL_TOKEN)


def static_root(base_dir: Path | str = ".") -> str:
    """``STATIC_ROOT``: where files are collected for this service."""
    return environment.text(wire.STATIC_ROOT) or str(Path(base_dir) / "staticfiles")


def storages() -> dict[str, dict[str, Any]]:
    """
    ``STORAGES``: static files with a hash in their name and compressed beside themselves.

    Only where files are collected (``MAINSTAY_STATIC_ROOT``): without collected files
    the hashed names do not exist and every template tag would fail.
    """
    hashed = environment.text(wire.STATIC_ROOT) and find_spec("whitenoise")
    kind = "whitenoise.storage.CompressedManifestStaticFilesStorage"
    plain = "django.contrib.staticfiles.storage.StaticFilesStorage"
    return {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": kind if hashed else plain},
    }
