"""
What the tests of all three services share: a real PostgreSQL, and the service's own settings.

Run one service with ``python -m pytest`` in its folder. ``DATABASE_URL`` in the
environment names a server to use instead of a throw-away one. All of this happens at
import, because the services' own conftest modules import their models.
"""

from __future__ import annotations

import atexit
import os
import sys
from pathlib import Path

import django
import pytest
from asgiref.sync import SyncToAsync

ROOT = Path(__file__).resolve().parent
TOKEN = "the-token-of-this-system"  # noqa: S105 - of a system that lives for one test run

sys.path.insert(0, str(ROOT))
service = Path.cwd().relative_to(ROOT).parts[0]
sys.path.insert(0, str(ROOT / service))

if "DATABASE_URL" not in os.environ:
    import throwaway

    server = throwaway.start()
    atexit.register(server.stop)
    os.environ["DATABASE_URL"] = server.url(service)
os.environ["DJANGO_SETTINGS_MODULE"] = f"{service}.settings"
os.environ["MAINSTAY_INTERNAL_TOKEN"] = TOKEN
os.environ["MAINSTAY_POOL_MAX"] = "30"
for neighbor in ("CATALOG", "ORDERS", "PAYMENTS"):
    os.environ[f"MAINSTAY_URL_{neighbor}"] = "http://127.0.0.1:9"  # nobody answers here
django.setup()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup):
    """The test database, left by every thread before it is dropped."""
    from django.db import connections

    yield
    # What `sync_to_async` runs for an asynchronous test keeps its connection in a thread of its own.
    SyncToAsync.single_thread_executor.submit(connections.close_all).result()


@pytest.fixture
def internal() -> dict[str, str]:
    """The header by which services of one system know each other."""
    return {"Mainstay-Internal-Token": TOKEN}
