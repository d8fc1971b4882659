"""
Two kinds of error: *you wrote something wrong* and *something happened*.

The first is a list of `Problem` values, all found at once, carried by
`InvalidInput`. The second is an `OperationFailed` that says what happened, to whom,
and what to do next. Each has a stable id that the documentation explains.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Problem:
    """
    One mistake in something a person wrote.

    ``where`` is a file, or a file and a line; ``path`` the dotted key inside it.
    """

    id: str
    where: str
    path: str
    expected: str
    found: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.where}: {self.path}" if self.path else self.where
        text = f"{self.id}  {place}\n    expected  {self.expected}\n    found     {self.found}"
        return f"{text}\n    hint      {self.hint}" if self.hint else text

    def as_json(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in self.__slots__}


class MainstayError(Exception):
    """Anything Mainstay raises on purpose. ``exit_code`` is what the command line returns."""

    exit_code = 2


class InvalidInput(MainstayError):
    """Something written by a person is wrong; nothing was started and nothing was changed."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass
class OperationFailed(MainstayError):
    """Something happened while working: what, to whom, and what to do next."""

    id: str
    what: str
    hint: str = ""
    exit_code: int = 2
    details: tuple[str, ...] = field(default_factory=tuple)

    def __str__(self) -> str:
        lines = [f"{self.id}  {self.what}", *(f"    {line}" for line in self.details)]
        return "\n".join([*lines, f"    hint      {self.hint}"] if self.hint else lines)


def nearest(name: str, known: Iterable[str]) -> str:
    """``did you mean 'x'?`` for the closest known name, or an empty string; nothing is meant by no name at all."""
    matches = get_close_matches(name, [each for each in known if each], n=1, cutoff=0.6)
    return f"did you mean {matches[0]!r}?" if matches else ""
