from __future__ import annotations

import pytest

from mainstay import tasks as door
from mainstay.tasks.settings import framework, tasks


def test_tasks_are_stored_where_a_worker_can_read_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app@db/shop")
    assert tasks()["default"]["BACKEND"] == "django_tasks_db.DatabaseBackend"
    monkeypatch.delenv("DATABASE_URL")
    assert tasks()["default"]["BACKEND"] == f"{framework()}.backends.immediate.ImmediateBackend"


def test_door_gives_the_framework_this_django_has() -> None:
    assert door.task.__module__.startswith(framework())
    with pytest.raises(AttributeError):
        _ = door.no_such_name
