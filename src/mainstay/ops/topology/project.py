"""
What a folder says about its Django project, read as text.

Nothing is imported: a project's modules may need a database or a secret only to
be imported, and a declaration must be readable without either.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LARGEST_MODULE = 1024 * 1024
_SKIPPED = frozenset({"node_modules", "site-packages", "venv", "__pycache__"})
_SETTINGS_VARIABLE = "DJANGO_SETTINGS_MODULE"


@dataclass(frozen=True, slots=True)
class Project:
    """What was found in one folder; empty text for what was not."""

    root: Path
    manage: bool
    settings: str
    asgi: str
    wsgi: str

    @property
    def found(self) -> bool:
        """Enough to be served."""
        return self.manage and bool(self.settings) and bool(self.asgi or self.wsgi)


def inspect(root: Path, manage: str = "manage.py", settings: str = "") -> Project:
    """Look at a folder; pass ``settings`` when the person has named the module."""
    script = root / manage
    settings = settings or _settings_of(script) or _only_settings(root)
    asgi, wsgi = (_application(root, settings, name) for name in ("asgi", "wsgi"))
    return Project(root, script.is_file(), settings, asgi, wsgi)


def find_projects(folder: Path) -> list[Project]:
    """The Django projects in a folder itself, or else one level below, by name."""
    here = inspect(folder)
    if here.manage:
        return [here]
    below = (inspect(each) for each in _folders(folder))
    return [project for project in below if project.manage]


def find_module(root: Path, dotted: str) -> Path | None:
    """The file of a module below ``root``, or its folder for a package without ``__init__``."""
    base = root.joinpath(*dotted.split("."))
    for candidate in (base.with_name(base.name + ".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return base if base.is_dir() else None


def bound_names(module: Path) -> frozenset[str] | None:
    """Names that a module binds at its top level; ``None`` when it cannot be told, as with ``import *``."""
    tree = _parse(module)
    if tree is None:
        return None
    names = {name for node in tree.body for name in _bound_by(node)}
    # Below a condition or a try, anything may be bound.
    loose = any(isinstance(node, ast.If | ast.Try | ast.With | ast.For | ast.While) for node in tree.body)
    return None if loose or "*" in names else frozenset(names)


def _bound_by(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from ((alias.asname or alias.name).split(".")[0] for alias in node.names)
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        yield from (each.id for each in ast.walk(node) if isinstance(each, ast.Name) and _is_store(each))


def _is_store(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def _parse(module: Path) -> ast.Module | None:
    try:
        if not module.is_file() or module.stat().st_size > _LARGEST_MODULE:
            return None
        with warnings.catch_warnings():
            # An odd escape in someone's module is not what this reading is about.
            warnings.simplefilter("ignore")
            return ast.parse(module.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _settings_of(script: Path) -> str:
    """The module that manage.py names, by ``setdefault(name, value)`` or ``environ[name] = value``."""
    for node in ast.walk(_parse(script) or ast.Module([], [])):
        if isinstance(node, ast.Call) and len(node.args) == 2 and _text(node.args[0]) == _SETTINGS_VARIABLE:
            return _text(node.args[1])
        if isinstance(node, ast.Assign) and any(_names_settings(target) for target in node.targets):
            return _text(node.value)
    return ""


def _names_settings(target: ast.expr) -> bool:
    return isinstance(target, ast.Subscript) and _text(target.slice) == _SETTINGS_VARIABLE


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _only_settings(root: Path) -> str:
    """The one package with settings, or the one of several that also has an asgi.py or wsgi.py."""
    packages = [each for each in _folders(root) if find_module(each, "settings")]
    served = [each for each in packages if (each / "asgi.py").is_file() or (each / "wsgi.py").is_file()]
    for candidates in (packages, served):
        if len(candidates) == 1:
            return f"{candidates[0].name}.settings"
    return ""


def _application(root: Path, settings: str, name: str) -> str:
    """``package.asgi:application``: beside the settings, as the settings say, or the only one there is."""
    modules = [*_beside(settings, name), *_named_in_settings(root, settings, name), *_anywhere(root, name)]
    for module in modules:
        path = find_module(root, module)
        names = bound_names(path) if path else None
        if path and path.is_file() and (names is None or "application" in names):
            return f"{module}:application"
    return ""


def _beside(settings: str, name: str) -> list[str]:
    parts = settings.split(".")
    return [".".join([*parts[:depth], name]) for depth in range(len(parts) - 1, 0, -1)]


def _named_in_settings(root: Path, settings: str, name: str) -> list[str]:
    path = find_module(root, settings) if settings else None
    tree = (_parse(path) if path else None) or ast.Module([], [])
    wanted = f"{name.upper()}_APPLICATION"
    assigned = (node for node in tree.body if isinstance(node, ast.Assign))
    values = (_text(node.value) for node in assigned if wanted in _bound_by(node))
    return [value.removesuffix(".application") for value in values if value.endswith(".application")]


def _anywhere(root: Path, name: str) -> list[str]:
    near = [f"{each.name}.{name}" for each in _folders(root) if (each / f"{name}.py").is_file()]
    here = [name] if (root / f"{name}.py").is_file() else []
    return [*here, *near] if len(here) + len(near) == 1 else []


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(each for each in root.iterdir() if _is_plain(each) and each.is_dir())
    except OSError:
        return []


def _is_plain(path: Path) -> bool:
    return path.name not in _SKIPPED and not path.name.startswith(".")
