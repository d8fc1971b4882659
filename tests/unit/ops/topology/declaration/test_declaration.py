"""The declaration itself: documented, and the same to the reader and to an editor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mainstay.base.containers import Either, MapOf
from mainstay.base.schema import REQUIRED, Key, Table, keys, read
from mainstay.base.shapes import Shape, Spot
from mainstay.ops.topology import json_schema
from mainstay.ops.topology.declaration import Declaration
from tests.unit.ops.topology.data import fitting, nearly

WHOLE = Table(Declaration)


def walk(shape: Shape[Any], path: str = "") -> Iterator[tuple[str, Key]]:
    match shape:
        case Table():
            for name, each in keys(shape.declaration).items():
                yield f"{path}.{name}".lstrip("."), each
                yield from walk(each.shape, f"{path}.{name}")
        case MapOf():
            yield from walk(shape.value, f"{path}.x")
        case Either():
            for each in shape.shapes:
                yield from walk(each, path)


KEYS = dict(walk(WHOLE))


@pytest.mark.parametrize("path", KEYS)
def test_every_key_is_documented_and_its_default_explained(path: str) -> None:
    known = KEYS[path]
    optional_table = isinstance(known.shape, Table) or known.default in ((), {})

    assert known.about.endswith(".")
    assert known.because or known.default is REQUIRED or optional_table
    assert (
        known.default is None
        or known.default is REQUIRED
        or known.default == ""
        or _reads(known, known.default)
    )


@pytest.mark.parametrize("path", [path for path, known in KEYS.items() if known.examples])
def test_examples_can_be_copied(path: str) -> None:
    known = KEYS[path]

    assert all(_reads(known, example) for example in known.examples)


def _reads(known: Key, value: object) -> bool:
    if isinstance(known.shape, Table) and isinstance(value, known.shape.declaration):
        return True
    return known.shape.read(value, Spot("t", "t")) is not None


@given(st.sampled_from(sorted(KEYS)), st.data())
def test_a_misspelt_key_names_the_one_that_was_meant(path: str, data: st.DataObject) -> None:
    parts = path.split(".")
    name = parts[-1]
    at = data.draw(st.integers(0, len(name) - 1))
    misspelt = name[:at] + name[at + 1 :] if len(name) > 4 else name[: at + 1] + name[at:]
    siblings = {
        each.rpartition(".")[2] for each in KEYS if each.rpartition(".")[0] == path.rpartition(".")[0]
    }
    assume(misspelt not in siblings)
    content: Any = {misspelt: 1}
    for part in reversed(parts[:-1]):
        content = {part: content}
    reading = read(Declaration, content, where="t", area="t")
    (problem,) = [each for each in reading.problems if each.id == "t.unknown-key"]

    assert problem.path == ".".join([*parts[:-1], misspelt])
    assert problem.hint == f"did you mean {name!r}?"


def _is_whole(_: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


STRICT = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    # JSON calls 1.0 an integer; TOML does not.
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_whole),
)
VALIDATOR = STRICT(json_schema())


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(fitting(WHOLE))
def test_what_fits_is_read_and_valid(content: Any) -> None:
    assert read(Declaration, content, where="t", area="t").problems == ()
    assert VALIDATOR.is_valid(content)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(nearly(WHOLE))
def test_reader_and_schema_agree_on_shape(content: Any) -> None:
    problems = read(Declaration, content, where="t", area="t").problems
    # JSON Schema cannot compare "2h" with a bound, nor see a line end before the end of a text.
    assume(not any(each.id == "t.out-of-range" and "(text)" in each.found for each in problems))
    assume("\\n'" not in repr(content))

    assert VALIDATOR.is_valid(content) == (problems == ())
