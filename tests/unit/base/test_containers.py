"""Lists, maps and alternatives."""

from __future__ import annotations

from typing import Any

from mainstay.base.containers import Either, ListOf, MapOf
from mainstay.base.shapes import Flag, Integer, Shape, Spot, Text

NAME = Text("a lower-case name", pattern="[a-z]+")


def read(shape: Shape[Any], value: object) -> tuple[Any, list[tuple[str, str]]]:
    spot = Spot("file.toml", "test", "key")
    got = shape.read(value, spot)
    return got, [(problem.id, problem.path) for problem in spot.problems]


def test_a_list_keeps_the_good_items_and_reports_every_bad_one() -> None:
    got, problems = read(ListOf(Integer(0, 9)), [1, "x", 2, 99])

    assert got == (1, 2)
    assert problems == [("test.wrong-type", "key[1]"), ("test.out-of-range", "key[3]")]


def test_a_repeated_item_is_a_problem() -> None:
    assert read(ListOf(NAME), ["a", "b", "a"]) == (("a", "b"), [("test.repeated", "key[2]")])


def test_a_list_can_ask_for_items() -> None:
    assert read(ListOf(NAME, least=1), []) == (None, [("test.bad-value", "key")])


def test_a_map_judges_names_and_values_in_one_go() -> None:
    got, problems = read(MapOf(NAME, Integer(0, 9)), {"good": 1, "Bad": 2, "worse": "x"})

    assert got == {"good": 1}
    assert problems == [("test.bad-value", "key.Bad"), ("test.wrong-type", "key.worse")]


def test_the_type_decides_which_alternative_is_meant() -> None:
    shape = Either[object](Integer(0, 9), Flag())

    assert read(shape, 3) == (3, [])
    assert read(shape, True) == (True, [])
    assert read(shape, 99) == (None, [("test.out-of-range", "key")])
    assert read(shape, "x") == (None, [("test.wrong-type", "key")])
    assert shape.expected == "a whole number from 0 to 9 or true or false"


def test_a_list_tells_which_of_its_items_were_read() -> None:
    assert ListOf(NAME).places(["a", 3, "b", "B", "a", "c"]) == (0, 2, 5)
    assert ListOf(NAME, least=1).places("a") == ()
