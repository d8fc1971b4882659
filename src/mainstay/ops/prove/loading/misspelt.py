"""
Names in a journey that look like one of `Journey` and that nothing reads: ``wieght = 3``, ``async def setup``.

Python takes them silently, and the journey does something else than was written. Attributes of one's own are fine,
so only what is both is told: nearly the name of something that is there, and read nowhere in the files of its classes
nor in what else was imported from beside them.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType

from mainstay.base.errors import Problem, nearest

CLOSE = 0.8
"""How alike two names are (`difflib`): ``wieght`` and ``setup`` are, ``stop`` and ``height_of`` are not."""


def misspelt(path: Path, told: object, base: type, offered: Iterable[str]) -> Iterator[Problem]:
    """What is misspelt in a class of the file and its bases up to ``base``, or in an object that was made of it."""
    kind = told if isinstance(told, type) else type(told)
    classes = [each for each in kind.__mro__ if issubclass(each, base) and each is not base]
    known = sorted(offered)
    written = {name: each.__name__ for each in reversed(classes) for name in vars(each)}
    if told is not kind:
        written |= dict.fromkeys(vars(told), kind.__name__)
    doubtful = {
        name: place
        for name, place in written.items()
        if not name.startswith("_") and name not in known and get_close_matches(name, known, 1, CLOSE)
    }
    if not doubtful:
        return
    modules = {each.__module__ for each in kind.__mro__} - {base.__module__, "builtins"}
    read = _read_in(modules | _beside(path))
    for name, place in doubtful.items():
        if read is not None and name not in read:
            yield Problem(
                "prove.journey-attribute",
                str(path),
                f"{place}.{name}",
                f"one of {', '.join(known)}, or a name that something reads",
                f"{name!r}, which nothing reads",
                nearest(name, known),
            )


def _beside(path: Path) -> set[str]:
    """The project's own modules that were imported: a function in one may be given the journey."""
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.copy().items()}
    return {
        name
        for name, file in files.items()
        if file and path.parent in Path(file).parents and "site-packages" not in Path(file).parts
    }


def _read_in(modules: Iterable[str]) -> set[str] | None:
    """Every name that is read in these modules, also in a text; None where one of them cannot be looked at."""
    found: set[str] = set()
    for name in modules:
        module = sys.modules.get(name)
        tree = _tree(module) if module is not None else None
        if tree is None:
            return None
        found.update(_names(tree))
    return found


def _tree(module: ModuleType) -> ast.Module | None:
    try:
        return ast.parse(inspect.getsource(module))
    except (OSError, TypeError, SyntaxError):
        return None


def _names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name, ctx=ast.Load()) | ast.AugAssign(target=ast.Attribute(attr=name)):
                yield name
            case ast.Name(id=name, ctx=ast.Load()):
                yield name  # in the class body itself
            case ast.Constant(value=str(text)):
                yield from text.split()  # as `getattr` has it
