"""
One running boxoffice and one browser for the tests of a module; each test has a profile of its own.

No longer than a module: while the browser is open its event loop counts as running
in this thread, so no test elsewhere could start one, and modules run in any order.
"""

from __future__ import annotations

import itertools
import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.system.running import Running, boxoffice

OPTIONS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--no-first-run",
)
PATIENCE = 20_000
"""Milliseconds: a machine that builds other things at the same time is slow, not broken."""

_seats = itertools.count(0)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = boxoffice(tmp_path_factory.mktemp("e2e") / "boxoffice")
    try:
        running.up()
        yield running
    finally:
        running.end()


@pytest.fixture(scope="module")
def base(system: Running) -> str:
    return system.url


@pytest.fixture(scope="module")
def browser(require_program: Callable[[str], Path]) -> Iterator[Browser]:
    program = require_program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def visitor(browser: Browser, base: str) -> Iterator[Callable[..., Page]]:
    """
    ``visitor()`` opens a page as somebody new; options are those of a browser context.

    When the test ends nothing may have come from elsewhere, and no script may have
    failed or been stopped by the content security policy.
    """
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def visit(**options: Any) -> Page:
        context = browser.new_context(base_url=base, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: _note(faults, message.type, message.text))
        page.on(
            "request", lambda request: request.url.startswith((base, "data:")) or faults.append(request.url)
        )
        return page

    yield visit
    for context in contexts:
        context.close()
    assert faults == []


def _note(faults: list[str], kind: str, text: str) -> None:
    """Errors of scripts count; answers of 4xx and 5xx are part of what is tested."""
    if kind == "error" and "Failed to load resource" not in text and "WebSocket" not in text:
        faults.append(text)


@pytest.fixture
def email() -> str:
    return f"buyer-{time.time_ns()}@example.org"


@pytest.fixture
def row() -> int:
    """A row of the arena of event 9 that no other test of this run touches."""
    return next(_seats)


@pytest.fixture
def call(base: str) -> Callable[..., Any]:
    """The API as another buyer's program would use it."""

    def send(method: str, path: str, body: object = None, **headers: str) -> Any:
        request = urllib.request.Request(
            base + path,
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Content-Type": "application/json", **headers},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    return send
