"""
Every error id, found by reading the source: nobody has to remember to list a new one.

Two kinds: *you wrote something wrong* (`Problem`, and what shapes and checks report) and
*something happened* (`OperationFailed`). Parts that are only known at run time are ``{name}`` in what is found
and words in what is shown.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path

import mainstay
from scripts.reference.text import heading

HEAD = """\
# Errors

Every error that Mainstay reports on purpose has a stable id, the same in the terminal, in `--json` and
here. A part in *italics*, or in `<angle brackets>`, is filled in when it happens.
[Troubleshooting](../troubleshooting.md) says more about the ones that people meet.

Exit codes: 0 is success, 1 means that the answer is no (not running, not ready), 2 that the command could
not do its work.
"""
SOURCE = Path(mainstay.__file__).parent
AREAS = {"base/shapes.py": "topology", "base/schema.py": "topology", "base/containers.py": "topology"}
"""Shapes do not know what they read; the one file a person writes is the topology."""


PLACEHOLDER = re.compile(r"\{(\w+|…)\}")
CODE = re.compile(r"(`[^`]*`)")
WORDS = {
    "__name__": "kind",
    "alias": "name",
    "argv": "program",
    "cwd": "folder",
    "dict": "known",
    "geteuid": "number",
    "have": "found",
    "holder": "number",
    "join": "names",
    "len": "number",
    "min": "least",
    "one": "name",
    "str": "rule",
    "strerror": "reason",
}
"""What a part is to who reads of it, where the source has another name for it."""


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
    trees = {path: ast.parse(path.read_text()) for path in sorted(SOURCE.rglob("*.py"))}
    shared = {each.name: each for tree in trees.values() for each in _makers(tree) if not each.is_private}
    for path, tree in trees.items():
        area = AREAS.get(path.relative_to(SOURCE).as_posix(), "topology" if "topology" in path.parts else "")
        makers = {**shared, **{each.name: each for each in _makers(tree)}}
        for error in (*_errors(tree, area), *_made(tree, makers)):
            known = errors.setdefault(error.id, error)
            known.texts |= error.texts
            known.hints |= error.hints
    return errors


def _errors(tree: ast.Module, area: str) -> Iterator[Error]:
    constants = _constants(tree)
    for scope in ast.walk(tree):
        if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
            texts = _Texts(scope, constants)
            for call in (node for node in ast.walk(scope) if isinstance(node, ast.Call)):
                for each in texts.versions(call.args[:1]):
                    error = _error(call, each, area)
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


@dataclass(frozen=True)
class _Maker:
    """A function that makes problems of one family, each from a word it is given."""

    name: str
    family: str
    places: dict[str, int]
    """Where the arguments stand in a call that say ``kind``, ``expected`` and ``hint``."""

    @property
    def is_private(self) -> bool:
        return self.name.startswith("_")

    def error(self, call: ast.Call, texts: _Texts) -> Error | None:
        named = {each.arg: each.value for each in call.keywords}
        given = {
            what: texts.of(call.args[place]) if len(call.args) > place else texts.of(named.get(what))
            for what, place in self.places.items()
        }
        if not _is_kind(given["kind"]):
            return None
        return Error.of(
            f"{self.family}{given['kind']}", False, given.get("expected", ""), given.get("hint", "")
        )


def _made(tree: ast.Module, makers: Mapping[str, _Maker]) -> Iterator[Error]:
    """Errors whose id is put together by a function that is called with a word of it: ``_report("form", …)``."""
    constants = _constants(tree)
    for scope in _functions(tree):
        texts = _Texts(scope, constants)
        for node in ast.walk(scope):
            match node:
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name, value=ast.Name(id="self"))):
                    error = makers[name].error(node, texts) if name in makers else None
                    if error is not None:
                        yield error


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    return (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef))


def _makers(tree: ast.Module) -> Iterator[_Maker]:
    return (maker for each in _functions(tree) if (maker := _maker(each)))


def _maker(function: ast.FunctionDef) -> _Maker | None:
    names = [each.arg for each in function.args.args if each.arg != "self"]
    for node in ast.walk(function):
        match node:
            case ast.Call(
                func=ast.Name(id="Problem"),
                args=[
                    ast.JoinedStr(
                        values=[
                            ast.Constant(value=str(family)),
                            ast.FormattedValue(value=ast.Name(id=kind)),
                        ]
                    ),
                    *rest,
                ],
            ) if kind in names:
                said = dict(zip(("where", "path", "expected", "found", "hint"), rest, strict=False))
                places = {
                    what: names.index(each.id)
                    for what, each in said.items()
                    if what in ("expected", "hint") and isinstance(each, ast.Name) and each.id in names
                }
                return _Maker(function.name, family, {"kind": names.index(kind), **places})
    return None


def _is_kind(text: str) -> bool:
    return bool(text) and all(part.isalnum() and part.islower() for part in text.split("-"))


def _constants(tree: ast.Module) -> dict[str, str]:
    """The texts that a module has under a name."""
    return {name: text for statement in tree.body for name, text in [_constant(statement)] if name}


def _constant(statement: ast.stmt) -> tuple[str, str]:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
            return name, text
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=int(number) | float(number))):
            return name, f"{number:g}"
    return "", ""


class _Texts:
    """Text expressions of one function; unknown parts in braces, plain variables as last set before."""

    def __init__(self, scope: ast.AST, constants: Mapping[str, str]) -> None:
        self._constants = constants
        self._known: dict[str, list[tuple[int, str]]] = {}
        for node in ast.walk(scope):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value, lineno=line):
                    self._note(name, value, line)
                case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values), lineno=line):
                    for target, value in zip(names, values, strict=False):
                        if isinstance(target, ast.Name):
                            self._note(target.id, value, line)

    def _note(self, name: str, value: ast.expr, line: int) -> None:
        self._known.setdefault(name, []).append((line, self.of(value)))

    def versions(self, first: list[ast.expr]) -> Iterator[_Texts]:
        """The same once for each branch that sets a call's first argument, if that is a variable."""
        match first:
            case [ast.Name(id=name, lineno=line)] if len(self._set_before(name, line)) > 1:
                yield from (self._until(moment) for moment, _ in self._set_before(name, line))
            case _:
                yield self

    def _until(self, moment: int) -> _Texts:
        """As if nothing had been set later."""
        earlier = copy(self)
        earlier._known = {
            name: [each for each in settings if each[0] <= moment] for name, settings in self._known.items()
        }
        return earlier

    def _set_before(self, name: str, line: int) -> list[tuple[int, str]]:
        return [each for each in self._known.get(name, ()) if each[0] < line]

    def _last_set(self, name: str, before: int) -> str:
        return max(self._set_before(name, before), default=(0, self._constants.get(name, "")))[1]

    def of(self, node: ast.expr | None) -> str:
        """The text; empty when the expression is none, or not known before it runs."""
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.Name(id=name):
                return self._last_set(name, node.lineno)
            case ast.Call(func=ast.Name(id="as_installed"), args=[words]):
                return self.of(words)
            case ast.JoinedStr(values=values):
                return "".join(
                    self.of(each) if isinstance(each, ast.Constant) else self._part(each) for each in values
                )
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self.of(left) + self.of(right)
            case ast.IfExp(body=body, orelse=other):
                return self.of(body) or self.of(other)
            case ast.BoolOp(values=values):
                return next(filter(None, map(self.of, reversed(values))), "")
        return ""

    def _part(self, node: ast.expr) -> str:
        match node:
            case ast.FormattedValue(value=ast.Name(id=name)) if name in self._constants:
                return self._constants[name]
        return _placeholder(node)


def _placeholder(node: ast.expr) -> str:
    for part in ast.walk(node):
        match part:
            case ast.Attribute(attr=word) | ast.Name(id=word):
                return "{" + word + "}"
    return "{…}"


def _section(error: Error) -> str:
    anchor = PLACEHOLDER.sub(r"\1", error.id)
    lines = [heading(3, shown(f"`{error.id}`"), anchor) + "\n"]
    lead = "" if error.happened else "Expected: "
    lines += [f"{lead}{shown(_sentence(text) if not lead else text)}\n" for text in sorted(error.texts)]
    lines += [f"Hint: {shown(hint)}\n" for hint in sorted(error.hints)]
    return "\n".join(lines)


def shown(text: str) -> str:
    """A text with words for its parts: in italics, and in angle brackets where it is code."""
    return "".join(_piece(piece) for piece in CODE.split(text.replace("}{", "} {")))


def _piece(text: str) -> str:
    begin, end = "<>" if text.startswith("`") else "**"
    return PLACEHOLDER.sub(lambda part: f"{begin}{_word(part[1])}{end}", text)


def _word(name: str) -> str:
    return WORDS.get(name) or name.strip("_").lower().replace("_", " ")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _by_id(error: Error) -> str:
    return error.id
