"""``TASKS`` from the environment."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from mainstay.base import environment, wire


def tasks() -> dict[str, dict[str, Any]]:
    """
    ``TASKS``: stored in the database and run by a worker, or run at once.

    They run at once where there is no shared database for a worker to read them
    from, and where the stored backend is not installed.
    """
    if environment.text(wire.DATABASE_URL) and find_spec("django_tasks_db"):
        return {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
    return {"default": {"BACKEND": f"{framework()}.backends.immediate.ImmediateBackend"}}


def framework() -> str:
    """``django.tasks`` where Django has it, else the back-port ``django_tasks``."""
    return "django.tasks" if find_spec("django.tasks") else "django_tasks"


def installed_apps() -> list[str]:
    """The apps that `tasks` needs. The same in every environment, so that migrations are too."""
    apps = ["django_tasks"] if framework() == "django_tasks" and find_spec("django_tasks") else []
    return [*apps, "django_tasks_db"] if find_spec("django_tasks_db") else apps
