"""Declarations: reading all problems at once, and the same as JSON Schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jsonschema
import pytest

from mainstay.base.containers import ListOf, MapOf
from mainstay.base.errors import InvalidInput
from mainstay.base.schema import Default, Table, json_schema, key, read, read_or_raise
from mainstay.base.shapes import Choice, Duration, Integer, Text

# ruff: noqa: RUF009 - `key` makes a dataclass field


@dataclass(frozen=True, slots=True)
class Limits:
    wait: float = key(
        Duration(0.1, 60.0), "How long to wait.", default=5.0, because="people leave after that"
    )
    tries: int = key(Integer(1, 9), "How often to try.", default=3, because="twice is not enough")


@dataclass(frozen=True, slots=True)
class Server:
    name: str = key(Text("a name", pattern="[a-z]+"), "Its name.", examples=["shop"])
    mode: str | None = key(
        Choice("fast", "safe"), "Its mode.", default=None, because="safe when there is a disk"
    )
    tags: tuple[str, ...] = key(ListOf(Text()), "Its tags.", default=())
    extra: dict[str, int] = key(MapOf(Text(), Integer(0, 9)), "Counts.", default={})
    limits: Limits = key(Table(Limits), "Its limits.", default=Limits())


def problems(data: object) -> list[tuple[str, str]]:
    reading = read(Server, data, where="server.toml", area="server")
    return [(problem.id, problem.path) for problem in reading.problems]


def test_a_whole_table_is_read() -> None:
    data = {"name": "shop", "tags": ["a"], "extra": {"x": 1}, "limits": {"wait": "500ms"}}

    assert read_or_raise(Server, data, where="server.toml", area="server") == Server(
        name="shop", tags=("a",), extra={"x": 1}, limits=Limits(wait=0.5)
    )


def test_all_problems_are_reported_at_once() -> None:
    data = {"nmae": "shop", "mode": 5, "tags": ["a", 7], "limits": {"wait": "1h", "trys": 2, "tries": 0}}

    assert problems(data) == [
        ("server.unknown-key", "nmae"),
        ("server.missing-key", "name"),
        ("server.wrong-type", "mode"),
        ("server.wrong-type", "tags[1]"),
        ("server.unknown-key", "limits.trys"),
        ("server.out-of-range", "limits.wait"),
        ("server.out-of-range", "limits.tries"),
    ]


def test_an_unknown_key_names_the_nearest_or_all() -> None:
    reading = read(Server, {"name": "a", "mdoe": "fast", "zzz": 1}, where="server.toml", area="server")

    near, far = reading.problems
    assert near.hint == "did you mean 'mode'?"
    assert far.hint == "known keys: name, mode, tags, extra, limits"
    assert near.where == "server.toml"


def test_a_wrong_key_stands_at_its_default_for_later_checks() -> None:
    reading = read(Server, {"name": "a", "limits": {"wait": "soon"}}, where="server.toml", area="server")

    assert reading.problems
    assert reading.value == Server(name="a")


def test_a_missing_required_key_leaves_no_value() -> None:
    assert read(Server, {}, where="server.toml", area="server").value is None
    assert read(Server, [], where="server.toml", area="server").value is None


def test_defaults_are_told_with_their_reasons_also_of_tables_nobody_wrote() -> None:
    reading = read(Server, {"name": "a"}, where="server.toml", area="server", path="top")

    assert reading.defaults == (
        Default("top.limits.wait", 5.0, "people leave after that", "5 s"),
        Default("top.limits.tries", 3, "twice is not enough", "3"),
    )


def test_problems_are_raised_together() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_or_raise(Server, {"name": 1, "mode": "x"}, where="server.toml", area="server")

    assert len(caught.value.problems) == 2


def test_default_maps_are_not_shared() -> None:
    one, two = (read_or_raise(Server, {"name": "a"}, where="s", area="s") for _ in range(2))

    assert one.extra is not two.extra


def test_the_schema_is_one_and_carries_the_documentation() -> None:
    schema = json_schema(Server, title="server.toml", about="A server.")
    jsonschema.Draft202012Validator.check_schema(schema)

    assert schema["required"] == ["name"]
    assert schema["properties"]["name"]["examples"] == ["shop"]
    assert schema["properties"]["mode"]["description"] == "Its mode. Default: safe when there is a disk."
    assert schema["properties"]["limits"]["properties"]["wait"]["default"] == 5.0
    assert schema["properties"]["tags"]["default"] == []


@pytest.mark.parametrize(
    "data",
    [
        {"name": "a"},
        {"name": "a", "tags": ["x", "x"]},
        {"name": "A"},
        {"name": "a", "mode": "slow"},
        {"name": "a", "limits": {"wait": 0.1}},
        {"name": "a", "limits": {"wait": 0}},
        {"name": "a", "limits": {"wait": "5 s"}},
        {"name": "a", "limits": {"wait": "5 sec"}},
        {"name": "a", "extra": {"x": 10}},
        {"name": "a", "other": 1},
        {},
    ],
)
def test_schema_and_reader_agree(data: dict[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator(json_schema(Server, title="t", about="a"))

    assert validator.is_valid(data) == (problems(data) == [])
