"""
Switches one mutant on in this interpreter: Python imports this by itself when it is on the path.

``MAINSTAY_MUTANT`` names it. A module is changed right after it was imported, so that
nothing has to be imported early.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Sequence
from types import ModuleType

import mutations


class After(importlib.abc.MetaPathFinder):
    """Finds as usual, and lets a module be changed once it has run."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        change = mutations.changes(os.environ.get("MAINSTAY_MUTANT", "")).get(name)
        if change is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            change(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, After())
