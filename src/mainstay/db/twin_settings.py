"""
The settings of every process of a twin: the project's own, with no database that is not the twin's.

A twin's processes are told to read this module (`wire.SETTINGS_MODULE`), and which module the project's own is
(`wire.TWIN_SETTINGS`). As everything that starts Django asks that variable, this holds for replicas, preparations,
workers and ``manage.py`` alike. Whoever imports the project's module itself sees the same databases: they are changed
in place.

Raises:
    InvalidInput: The settings name a database that is neither the twin's nor can be copied.
    OperationFailed: A file could not be copied.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mainstay.base import environment, wire
from mainstay.db.twinned import Twin, separate

_project = import_module(environment.text(wire.TWIN_SETTINGS))
globals().update({name: getattr(_project, name) for name in dir(_project) if name.isupper()})

DATABASES: dict[str, dict[str, Any]] = getattr(_project, "DATABASES", {})

said = separate(DATABASES, Twin.from_environment())
"""What was done to databases of the project's own, a line each."""
