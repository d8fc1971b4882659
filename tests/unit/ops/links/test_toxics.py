"""What each toxic means, and what is refused."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.base.errors import OperationFailed
from mainstay.ops.links.toxics import CATALOGUE, Effect, effect, parse


def of(*toxics: dict[str, Any], direction: Any = "up") -> Effect | None:
    return effect(parse(toxics), direction)


def test_nothing_is_done_without_toxics_or_in_the_other_direction() -> None:
    assert of() is None
    assert of({"type": "latency", "latency": 1, "direction": "down"}) is None
    assert of({"type": "down"}) is None, "a door's matter, not a connection's"


def test_several_add_up_to_the_worst_of_all() -> None:
    assert of(
        {"type": "latency", "latency": "200ms", "jitter": 0.1},
        {"type": "latency", "latency": 1, "direction": "up"},
        {"type": "bandwidth", "rate": "1 kB"},
        {"type": "bandwidth", "rate": 500},
        {"type": "slicer", "average_size": 100, "size_variation": 10, "delay": "10ms"},
        {"type": "limit_data", "bytes": 70},
        {"type": "reset_peer", "bytes": 90},
        {"type": "slow_close", "delay": 2},
        {"type": "black_hole", "hold": True},
    ) == Effect(
        latency=1.2, jitter=0.1, rate=500, size=100, variation=10, pause=0.01, close_delay=2.0, hold=True,
        limit=70, reset_after=90,
    )  # fmt: skip


def test_a_reset_after_no_bytes_is_a_matter_of_time() -> None:
    assert of({"type": "reset_peer"}) is None


@given(st.floats(0, 5), st.floats(0, 5), st.integers())
def test_jitter_never_makes_anything_early(latency: float, jitter: float, seed: int) -> None:
    late = Effect(latency=latency, jitter=jitter).delay(random.Random(seed))
    assert max(0.0, latency - jitter) <= late <= latency + jitter


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers())
def test_a_piece_is_never_empty_and_never_more_than_a_slow_line_takes(
    size: int, variation: int, rate: int, seed: int
) -> None:
    piece = Effect(size=size, variation=variation, rate=rate).piece(random.Random(seed))
    assert 1 <= piece <= size + variation
    assert not rate or piece <= max(1, rate / 100)


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_one_is_for_a_direction_and_some_connections(name: str) -> None:
    needed = {
        "latency": {"latency": 1}, "bandwidth": {"rate": 1}, "slicer": {"average_size": 1},
        "slow_close": {"delay": 1}, "limit_data": {"bytes": 1},
    }  # fmt: skip
    (toxic,) = parse([{"type": name, "direction": "down", "probability": 0.25, **needed.get(name, {})}])
    assert (type(toxic), toxic.direction, toxic.probability) == (CATALOGUE[name], "down", 0.25)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "expected a list"),
        ([3], "expected a list"),
        ([{}], "no toxic"),
        ([{"type": "latancy"}], "did you mean 'latency'"),
        ([{"type": "latency"}], "latency"),
        ([{"type": "latency", "latency": -1}], "a duration"),
        ([{"type": "latency", "latency": float("nan")}], "a duration"),
        ([{"type": "latency", "latency": 1, "jiter": 1}], "did you mean 'jitter'"),
        ([{"type": "bandwidth", "rate": 0}], "a size"),
        ([{"type": "down", "probability": 1.5}], "from 0 to 1"),
        ([{"type": "down", "direction": "left"}], '"up" or "down"'),
        ([{"type": "black_hole", "hold": 1}], "true or false"),
    ],
)
def test_nonsense_is_one_clear_error(given: Any, words: str) -> None:
    with pytest.raises(OperationFailed) as refused:
        parse(given)
    assert refused.value.id == "links.wrong-toxic"
    assert words in str(refused.value)
