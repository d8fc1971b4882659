"""A schedule as a file, written and read again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.base.errors import InvalidInput
from mainstay.ops.prove.claim import Claim, Load
from mainstay.ops.prove.faults.fault import Strike
from mainstay.ops.prove.replay import Replay, from_json, from_text, to_json

STRIKES = st.builds(
    Strike,
    st.sampled_from(["kill", "pause", "link.latency"]),
    st.text(st.characters(exclude_characters="\x00"), max_size=12),
    st.floats(0, 100),
    st.floats(0, 100) | st.just(-1.0),
    st.dictionaries(st.sampled_from(["milliseconds", "jitter"]), st.integers(0, 500)),
)


def claim(*strikes: Strike, **more: Any) -> Claim:
    values: dict[str, Any] = {
        "steady": 2.0,
        "after": 1.0,
        "tags": ("quick", "normal", "full"),
        "source": "f.json",
    }
    return Claim(
        "primary-lost",
        "It stays.",
        strikes,
        Load(12.5, "spike", 3.0, ("buy",)),
        ("lost = 0",),
        **values | more,
    )


@given(st.lists(STRIKES, max_size=4, unique_by=repr), st.integers(0, 2**31))
def test_what_is_written_reads_back(strikes: list[Strike], seed: int) -> None:
    replay = Replay(claim(*strikes), seed, "2 of 8 strikes are enough")
    text = json.dumps(to_json(replay), allow_nan=False)
    assert from_text(text, where="f.json") == replay


def wrong(**changes: Any) -> list[tuple[str, str]]:
    """The problems of a file with some values changed, and removed where they are ``None``."""
    content = to_json(Replay(claim(Strike("kill", "catalog.web.1")), 7))
    content = {name: value for name, value in (content | changes).items() if value is not None}
    with pytest.raises(InvalidInput) as caught:
        from_json(content, where="f.json")
    return [(problem.id, problem.path) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({"holds": ["erorrs = 0"]}, [("prove.rule-name", "holds[0]")]),
        ({"holds": ["errors = 0", "errors >= 1"]}, [("prove.rule-conflict", "holds[1]")]),
        ({"holds": []}, [("prove.bad-value", "holds")]),
        ({"holds": None}, [("prove.missing-key", "holds")]),
        ({"seed": "seven"}, [("prove.wrong-type", "seed")]),
        ({"format": 2}, [("prove.out-of-range", "format")]),
        ({"steady": -1}, [("prove.out-of-range", "steady")]),
        ({"steady": float("nan")}, [("prove.out-of-range", "steady")]),
        ({"patience": True}, [("prove.wrong-type", "patience")]),
        ({"strikes": [{"target": "x"}]}, [("prove.missing-key", "strikes[0].fault")]),
        ({"strikes": [{"fault": "kill", "when": 3}]}, [("prove.unknown-key", "strikes[0].when")]),
        ({"load": {"rate": 0}}, [("prove.out-of-range", "load.rate")]),
        ({"load": {"rate": 5, "shape": "spiky"}}, [("prove.bad-value", "load.shape")]),
        ({"storm": 1}, [("prove.unknown-key", "storm")]),
    ],
)
def test_a_file_that_means_nothing_is_told_where(
    changes: dict[str, Any], problems: list[tuple[str, str]]
) -> None:
    assert wrong(**changes) == problems


def test_all_problems_are_told_at_once() -> None:
    assert len(wrong(seed="x", holds=["erorrs = 0"], load={"rate": -1})) == 3


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"steady": NaN}', '{"steady": Infinity}'])
def test_what_is_no_json_is_told(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        from_text(text, where="f.json")
    (problem,) = caught.value.problems
    assert (problem.id, problem.where) == ("prove.replay-syntax", "f.json")


@pytest.mark.parametrize("content", [None, [], "claim", 7])
def test_any_other_json_is_told(content: object) -> None:
    with pytest.raises(InvalidInput):
        from_json(content, where="f.json")
