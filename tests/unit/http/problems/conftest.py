from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from django.conf import urls
from django.test import AsyncClient, Client

from mainstay.base.context import REQUEST_ID
from mainstay.http.problems import handlers

JSON = {"Accept": "application/json"}
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(autouse=True)
def project(settings, monkeypatch):
    settings.ROOT_URLCONF = "tests.unit.http.problems.project"
    settings.MIDDLEWARE = [
        "mainstay.http.middleware.EntranceMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "tests.unit.http.problems.project.Everything",
    ]
    settings.CSRF_FAILURE_VIEW = "mainstay.http.problems.handlers.csrf_failure"
    settings.REST_FRAMEWORK = {
        "EXCEPTION_HANDLER": "mainstay.http.problems.drf.exception_handler",
        "UNAUTHENTICATED_USER": None,
    }
    settings.TEMPLATES = []
    for name, (theirs, _) in handlers.DEFAULTS.items():
        monkeypatch.setattr(urls, name, theirs)  # so that what is installed here is gone afterwards
    token = REQUEST_ID.set("abcd-1234")
    yield settings
    REQUEST_ID.reset(token)


@pytest.fixture(params=["sync", "async"])
def get(request) -> Callable:
    """``get(path, headers)`` under either interface."""
    if request.param == "sync":
        client = Client(raise_request_exception=False)
        return lambda path, headers=JSON, **more: client.get(path, headers=headers, **more)
    client = AsyncClient(raise_request_exception=False)
    return lambda path, headers=JSON, **more: asyncio.run(client.get(path, headers=headers, **more))
