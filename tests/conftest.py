"""Fixtures that every folder of tests may use."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine must not turn a slow example into a failure: each test has its own time limit.
# A machine that stands still for a second makes nothing wrong, neither an example nor how one is drawn.
settings.register_profile(
    "mainstay", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("mainstay")

ROOT = Path(__file__).resolve().parent.parent

PACKAGES = {
    "alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
}
"""Debian's package for a program, where the two names differ."""

SYNONYMS = {
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "alertmanager": ("prometheus-alertmanager", "alertmanager"),
}


@pytest.fixture(scope="session")
def require_program() -> Callable[[str], Path]:
    """
    ``require_program("memcached")``: the path of a program that the test starts itself.

    A missing one skips the test and names the line to type; on the build server,
    where CI is set, it fails it: nothing goes untested there for lack of a program.
    """

    def require(name: str) -> Path:
        for candidate in SYNONYMS.get(name, (name,)):
            if found := shutil.which(candidate):
                return Path(found)
        message = f"{name} is not installed; type: sudo apt-get install {PACKAGES.get(name, name)}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)

    return require


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """A function that names a loopback port nobody listens on at the moment."""

    def find() -> int:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port: int = listener.getsockname()[1]
            return port

    return find
