"""Every package can be imported before Django is set up, and the outside without Django at all."""

from __future__ import annotations

import ast
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import mainstay

SOURCE = Path(mainstay.__file__).parent
PACKAGES = sorted(f"mainstay.{module.name}" for module in pkgutil.iter_modules([str(SOURCE)]) if module.ispkg)
ENTRANCES = ("mainstay.settings",)
OUTSIDE = [name for name in PACKAGES if name in ("mainstay.base", "mainstay.ops", "mainstay.cli")]


def run(code: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("name", [*PACKAGES, *ENTRANCES])
def test_door_opens_before_django_is_set_up(name: str) -> None:
    done = run(f"import {name}; [getattr({name}, public) for public in getattr({name}, '__all__', ())]")

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("package", OUTSIDE)
def test_no_module_of_the_outside_loads_django(package: str) -> None:
    """The contract reads imports; this one also sees those made by name at run time."""
    modules = [module.name for module in pkgutil.walk_packages(_path(package), f"{package}.")]
    imports = "\n".join(f"import {name}" for name in modules if not name.endswith("__main__"))
    done = run(f"import sys\n{imports}\nsys.exit('django' in sys.modules)")

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", sorted((SOURCE / "base").rglob("*.py")), ids=lambda path: path.stem)
def test_base_needs_nothing_but_the_standard_library(path: Path) -> None:
    imported = {
        name.split(".")[0] for node in ast.walk(ast.parse(path.read_text())) for name in _imported(node)
    }

    assert imported - {"mainstay"} <= sys.stdlib_module_names


def _path(package: str) -> list[str]:
    return [str(SOURCE / package.removeprefix("mainstay."))]


def _imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module)):
            return [module]
    return []
