"""
Every error id, found by reading the source: nobody has to remember to list a new one.

Two kinds: *you wrote something wrong* (`Problem`, and what shapes and checks report) and
*something happened* (`OperationFailed`). Parts that are only known at run time are shown as ``{name}``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import mainstay

HEAD = """\
# Errors

Every error that Mainstay reports on purpose has a stable id, the same in the terminal, in `--json` and
here. A part in braces is filled in when it happens. [Troubleshooting](../troubleshooting.md) says more
about the ones that people meet.

Exit codes: 0 is success, 1 means that the answer is no (not running, not ready), 2 that the command could
not do its work.
"""
SOURCE = Path(mainstay.__file__).parent
AREAS = {"base/shapes.py": "topology", "base/schema.py": "topology", "base/containers.py": "topology"}
"""Shapes do not know what they read; the one file a person writes is the topology."""


@dataclass
class Error:
    id: str
    happened: bool
    texts: set[str] = field(default_factory=set)
    hints: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, id: str, happened: bool, text: str, hint: str) -> Error:
        return cls(id, happened, {text} - {""}, {hint} - {""} if not hint.startswith("{") else set())


def page() -> str:
    errors = found()
    wrong = [error for error in errors.values() if not error.happened]
    happened = [error for error in errors.values() if error.happened]
    parts = [HEAD, "## Something happened\n", *map(_section, sorted(happened, key=_by_id))]
    parts += ["## You wrote something wrong\n", *map(_section, sorted(wrong, key=_by_id))]
    return "\n".join(parts)


def found() -> dict[str, Error]:
    """Every id in the source, with all its sentences and hints."""
    errors: dict[str, Error] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        area = AREAS.get(path.relative_to(SOURCE).as_posix(), "topology" if "topology" in path.parts else "")
        for error in _errors(ast.parse(path.read_text()), area):
            known = errors.setdefault(error.id, error)
            known.texts |= error.texts
            known.hints |= error.hints
    return errors


def _errors(tree: ast.Module, area: str) -> Iterator[Error]:
    for scope in ast.walk(tree):
        if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
            texts = _Texts(scope)
            for node in ast.walk(scope):
                error = _error(node, texts, area) if isinstance(node, ast.Call) else None
                if error is not None and "{kind}" not in error.id:
                    yield error


def _error(call: ast.Call, texts: _Texts, area: str) -> Error | None:
    """The error that a call makes or reports, if it does; the shapes of the calls are those of `base`."""
    given = [texts.of(each) for each in call.args]
    named = {each.arg: texts.of(each.value) for each in call.keywords if each.arg}

    def argument(name: str, place: int) -> str:
        return named.get(name) or (given[place] if len(given) > place else "")

    match call.func:
        case ast.Name(id="OperationFailed") if "." in argument("id", 0):
            return Error.of(argument("id", 0), True, argument("what", 1), argument("hint", 2))
        case ast.Name(id="Problem") if "." in argument("id", 0):
            return Error.of(argument("id", 0), False, argument("expected", 3), argument("hint", 5))
        case ast.Name(id="Refusal") if area and _is_kind(argument("kind", 0)):
            return Error.of(f"{area}.{given[0]}", False, argument("expected", 9), argument("hint", 1))
        case ast.Attribute(attr="report", value=spot) if area and _is_kind(argument("kind", 0)):
            # A case is told the key's path as well; a spot knows its own.
            at = 2 if isinstance(spot, ast.Name) and spot.id == "case" else 1
            return Error.of(f"{area}.{given[0]}", False, argument("expected", at), argument("hint", at + 2))
    return None


def _is_kind(text: str) -> bool:
    return bool(text) and all(part.isalnum() and part.islower() for part in text.split("-"))


class _Texts:
    """Text expressions of one function; unknown parts in braces, plain variables as last set before."""

    def __init__(self, scope: ast.AST) -> None:
        self._known: dict[str, list[tuple[int, str]]] = {}
        for node in ast.walk(scope):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self._note(name, value)
                case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                    for target, value in zip(names, values, strict=False):
                        if isinstance(target, ast.Name):
                            self._note(target.id, value)

    def _note(self, name: str, value: ast.expr) -> None:
        self._known.setdefault(name, []).append((value.lineno, self.of(value)))

    def _last_set(self, name: str, before: int) -> str:
        settings = [(line, text) for line, text in self._known.get(name, ()) if line < before]
        return max(settings, default=(0, ""))[1]

    def of(self, node: ast.expr) -> str:
        """The text; empty when the expression is none, or not known before it runs."""
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.Name(id=name):
                return self._last_set(name, node.lineno)
            case ast.JoinedStr(values=values):
                return "".join(
                    self.of(each) if isinstance(each, ast.Constant) else _placeholder(each) for each in values
                )
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self.of(left) + self.of(right)
            case ast.IfExp(body=body, orelse=other):
                return self.of(body) or self.of(other)
            case ast.BoolOp(values=values):
                return next(filter(None, map(self.of, reversed(values))), "")
        return ""


def _placeholder(node: ast.expr) -> str:
    for part in ast.walk(node):
        match part:
            case ast.Attribute(attr=word) | ast.Name(id=word):
                return "{" + word + "}"
    return "{…}"


def _section(error: Error) -> str:
    lines = [f"### `{error.id}` {{ #{error.id} }}\n"]
    lead = "" if error.happened else "Expected: "
    lines += [f"{lead}{_sentence(text) if not lead else text}\n" for text in sorted(error.texts)]
    lines += [f"Hint: {hint}\n" for hint in sorted(error.hints)]
    return "\n".join(lines)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _by_id(error: Error) -> str:
    return error.id
