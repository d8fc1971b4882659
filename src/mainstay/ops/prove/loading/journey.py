"""
What a user does, and what must be true of it: a small Python class in the user's project.

.. code-block:: python

    from mainstay.ops.prove import Client, Journey


    class Order(Journey):
        writes = True
        rules = ("lost.orders = 0",)

        async def step(self, client: Client, number: int) -> None:
            client.attempted("orders", number)
            answer = await client.post("/api/orders/", json={"number": number}, key=True, retry=True)
            if answer.ok:
                client.acknowledged("orders", number)

        async def final(self, client: Client) -> None:
            for order in (await client.get("/api/orders/", retry=True)).json:
                client.observed("orders", order["number"])
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from mainstay.base.errors import InvalidInput, Problem
from mainstay.ops.prove.loading.client import Client
from mainstay.ops.prove.loading.misspelt import misspelt
from mainstay.ops.prove.loading.names import KINDS, dashed


class Journey:
    """
    One kind of user; one object of it lives through the whole try of a claim.

    Many steps are under way at the same time, in one thread: a step gives way at every
    ``await`` and must not block in between. What a step raises makes the result *unknown*,
    except for `UnexpectedAnswer`, which ends it quietly.
    """

    name: str = ""
    """By default the name of the class, in lower case with dashes."""
    weight: float = 1
    """Its share of the arrivals, beside the weights of the others."""
    writes: bool = False
    """Whether it changes anything; a system in use is not asked to, unless that is allowed explicitly."""
    rules: tuple[str, ...] = ()
    """What must hold after every claim: ``("lost.orders = 0", "oversold.seats = 0")``."""
    at_once: int = 0
    """How many of its steps may be under way at the same time; 0 for as many as the generator allows."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = dashed(cls.__name__)

    async def set_up(self, client: Client) -> None:
        """Once per claim, before the load; the token and headers it leaves at the client go to every step."""

    async def step(self, client: Client, number: int) -> None:
        """One arrival, counted from 0 for each journey; a file in which a journey has none is refused."""
        raise NotImplementedError

    async def final(self, client: Client) -> None:
        """Once per claim, after the faults: read back what is there, and report it as facts."""

    def close(self) -> None:
        """The last call, whatever happened before: end threads, close files."""


OFFERED = ("name", "weight", "writes", "rules", "at_once", "set_up", "step", "final", "close")
"""What a journey may say otherwise than its base."""


def load(path: Path) -> list[Journey]:
    """
    The journeys of a file: one object of each class in it that has a ``step``.

    A class without one that others of the file build on is their base, and no journey.

    Raises:
        InvalidInput: The file is missing, does not import, or has no or wrong journeys; all of it at once.
    """
    module = import_file(path)
    found = [each for each in vars(module).values() if _is_journey(each, module)]
    bases = {base for each in found for base in each.__mro__[1:]}
    classes = [each for each in found if each.step is not Journey.step or each not in bases]
    problems = [*_wrong_methods(path, classes), *_misspelt(path, classes), *_wrong_values(path, classes)]
    if not classes:
        problems.append(
            Problem(
                "prove.journey-none",
                str(path),
                "",
                "at least one class with Journey as its base",
                "none",
                "from mainstay.ops.prove import Journey",
            )
        )
    if problems:
        raise InvalidInput(problems)
    made = [_made(path, each) for each in classes]
    # An object may say otherwise than its class.
    if problems := [*_misspelt(path, made), *_wrong_values(path, made)]:
        raise InvalidInput(problems)
    return made


def import_file(path: Path) -> ModuleType:
    """
    Run a Python file as a module; while it runs, it can import what lies beside it.

    Raises:
        InvalidInput: There is no such file, or it raises.
    """
    if not path.is_file():
        raise InvalidInput(
            [Problem("prove.journey-file-missing", str(path), "", "a Python file with journeys", "nothing")]
        )
    name = f"mainstay_journeys_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InvalidInput([_broken(path, f"{path.name} is no Python file: its name does not end in .py")])
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise InvalidInput([_broken(path, place(error, path))]) from error
    finally:
        sys.path.remove(str(path.parent))
    return module


def place(error: BaseException, path: Path) -> str:
    """``line 12: KeyError: 'id'``: what was raised, and the last line of the file on the way there."""
    words = f"{type(error).__name__}: {error}".rstrip(": ")
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"line {error.lineno}: {words}"
    lines = [each.lineno for each in traceback.extract_tb(error.__traceback__) if each.filename == str(path)]
    return f"line {lines[-1]}: {words}" if lines else words


def _is_journey(each: object, module: ModuleType) -> bool:
    return isinstance(each, type) and issubclass(each, Journey) and each.__module__ == module.__name__


def _made(path: Path, made: type[Journey]) -> Journey:
    try:
        return made()
    except (Exception, SystemExit) as error:
        raise InvalidInput([_broken(path, place(error, path), made.__name__)]) from error


def _broken(path: Path, found: str, inside: str = "") -> Problem:
    return Problem("prove.journey-broken", str(path), inside, "a file that imports", found)


def _wrong_methods(path: Path, classes: Sequence[type[Journey]]) -> Iterator[Problem]:
    for each in classes:
        name, where = each.__name__, str(path)
        if each.step is Journey.step:
            yield Problem(
                "prove.journey-step", where, name, "async def step(self, client, number)", "no step"
            )
        for method in ("set_up", "step", "final"):
            if not inspect.iscoroutinefunction(getattr(each, method)):
                yield Problem(
                    "prove.journey-step",
                    where,
                    f"{name}.{method}",
                    f"async def {method}",
                    "no async function",
                )


Told = type[Journey] | Journey
"""A class of the file, or the object that was made of it."""


def _class_name(told: Told) -> str:
    return told.__name__ if isinstance(told, type) else type(told).__name__


def _wrong_values(path: Path, journeys: Sequence[Told]) -> Iterator[Problem]:
    where = str(path)
    for each in journeys:
        name = _class_name(each)
        if not is_positive(each.weight):
            yield Problem(
                "prove.journey-weight", where, f"{name}.weight", "a number above 0", repr(each.weight)
            )
        if not is_count(each.at_once):
            yield Problem("prove.journey-at-once", where, f"{name}.at_once", A_COUNT, repr(each.at_once))
        if not isinstance(each.rules, tuple | list) or not all(isinstance(rule, str) for rule in each.rules):
            yield Problem(
                "prove.journey-rules", where, f"{name}.rules", "a tuple of texts", repr(each.rules), "('…',)"
            )
        if not isinstance(each.name, str) or not each.name:
            yield Problem("prove.journey-name", where, f"{name}.name", "a text", repr(each.name))
        elif each.name in KINDS:
            hint = f'such as name = "{each.name}-orders"'
            yield like_a_kind(path, f"{name}.name", each.name, hint)
    yield from _same_names(path, journeys)


def _misspelt(path: Path, journeys: Sequence[Told]) -> Iterator[Problem]:
    for each in journeys:
        yield from misspelt(path, each, Journey, OFFERED)


def like_a_kind(path: Path, where: str, name: str, hint: str) -> Problem:
    """A journey that rules could not tell from a kind of operation."""
    expected = (
        f"another name than {', '.join(KINDS)}: in a rule, errors.{name} is about operations of this kind"
    )
    return Problem("prove.journey-name", str(path), where, expected, repr(name), hint)


def is_positive(value: object) -> bool:
    """Whether this can be a weight."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")


A_COUNT = "a whole number, 0 for as many as the generator allows"


def is_count(value: object) -> bool:
    """Whether so many steps can be under way."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _same_names(path: Path, journeys: Sequence[Told]) -> Iterator[Problem]:
    first: dict[object, Told] = {}
    for each in journeys:
        other = first.setdefault(repr(each.name), each)
        if other is not each:
            yield Problem(
                "prove.journey-name",
                str(path),
                f"{_class_name(each)}.name",
                "a name of its own",
                f"{each.name!r}, which {_class_name(other)} has",
            )
