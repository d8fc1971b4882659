"""
Background work through Django's Tasks framework, on Django 5.2 and on 6.

``from mainstay.tasks import task`` is Django's own decorator where Django has one,
and the back-port's where it has not; both take the same arguments.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mainstay.tasks.settings import framework

if TYPE_CHECKING:
    from django_tasks import default_task_backend, task, task_backends

__all__ = ["default_task_backend", "task", "task_backends"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(_framework(), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _framework() -> Any:
    return import_module(framework())
