"""Random data that fits a declaration, or nearly does."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from mainstay.base.containers import Either, ListOf, MapOf
from mainstay.base.schema import REQUIRED, Table, keys
from mainstay.base.shapes import Choice, Duration, Flag, Integer, Scalar, Shape, Size, Text

TOML_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = (
    st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TOML_TEXT
    | st.dates()
    | st.datetimes()
)
JUNK: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TOML_TEXT, inner, max_size=3),
    max_leaves=6,
)


def fitting(shape: Shape[Any]) -> st.SearchStrategy[Any]:
    """Values that the shape accepts."""
    match shape:
        case Flag():
            return st.booleans()
        case Integer():
            return st.integers(shape.least, shape.most)
        case Scalar():
            return (
                st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TOML_TEXT
            )
        case Text():
            return st.from_regex(rf"\A({shape.pattern})\Z", alphabet=st.characters(codec="ascii")).filter(
                _is_short
            )
        case Choice():
            return st.sampled_from(shape.words)
        case Duration():
            return st.floats(shape.least, shape.most) | st.just(f"{shape.most:.0f}s")
        case Size():
            return st.integers(shape.least, shape.most)
        case ListOf():
            return st.lists(fitting(shape.item), min_size=shape.least, max_size=3, unique_by=repr)
        case MapOf():
            return st.dictionaries(
                fitting(shape.name), fitting(shape.value), min_size=shape.least, max_size=2
            )
        case Either():
            return st.one_of([fitting(each) for each in shape.shapes])
        case Table():
            return _table(shape, fitting)
    raise NotImplementedError(type(shape))


def nearly(shape: Shape[Any]) -> st.SearchStrategy[Any]:
    """Mostly values that fit, with junk, unknown keys and missing ones in between."""
    match shape:
        case Table():
            known = st.sampled_from(list(keys(shape.declaration)))
            extra = st.dictionaries(TOML_TEXT | known.map(lambda name: name[:-1]), JUNK, max_size=1)
            merged = st.tuples(_table(shape, nearly, loose=True), extra).map(lambda pair: pair[1] | pair[0])
            return st.one_of(merged, merged, merged, JUNK)
        case MapOf():
            return st.dictionaries(fitting(shape.name) | TOML_TEXT, nearly(shape.value), max_size=2) | JUNK
        case ListOf():
            return st.lists(nearly(shape.item), max_size=3) | JUNK
        case Either():
            return st.one_of([nearly(each) for each in shape.shapes])
    return st.one_of(fitting(shape), fitting(shape), JUNK)


def _table(shape: Table[Any], make: Any, *, loose: bool = False) -> st.SearchStrategy[dict[str, Any]]:
    known = keys(shape.declaration)
    required = {
        name: make(each.shape) for name, each in known.items() if each.default is REQUIRED and not loose
    }
    optional = {name: make(each.shape) for name, each in known.items() if name not in required}
    return st.fixed_dictionaries(required, optional=optional)


def _is_short(text: str) -> bool:
    return len(text) < 60
