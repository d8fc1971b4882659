"""What may be said to a fault, and what is made of it."""

from __future__ import annotations

import pytest

from mainstay.ops.prove.faults.kind import FaultKind, Setting
from mainstay.ops.prove.faults.process import Kill

CUT = Setting("cut", 0.5, "how long", "s", most=30)
SIZE = Setting("size", 1000, "how much", "bytes", least=1)
LATE = Setting("late", 200.0, "how late", "ms")
WAY = Setting("way", "both", "which", one_of=("up", "both"))
WHOLE = Setting("whole", True, "all of it")


@pytest.mark.parametrize(
    ("setting", "given", "value"),
    [
        (CUT, 1, 1.0),
        (CUT, "500ms", 0.5),
        (SIZE, "2 KiB", 2048),
        (SIZE, 7, 7),
        (LATE, "1.5s", 1500.0),
        (WAY, "up", "up"),
        (WHOLE, False, False),
    ],
)
def test_a_setting_is_read_in_its_own_type(setting: Setting, given: object, value: object) -> None:
    read = setting.read(given)
    assert read == value
    assert type(read) is type(setting.default)


@pytest.mark.parametrize(
    ("setting", "given"),
    [
        (CUT, -1),
        (CUT, 31.0),
        (CUT, True),
        (CUT, "soon"),
        (CUT, float("nan")),
        (SIZE, 0),
        (SIZE, 1.5),
        (SIZE, "1s"),
        (LATE, "1 KiB"),
        (WAY, "down"),
        (WAY, 1),
        (WHOLE, 1),
        (WHOLE, "yes"),
    ],
)
def test_what_a_setting_cannot_be_is_refused(setting: Setting, given: object) -> None:
    with pytest.raises(ValueError):
        setting.read(given)


def test_every_mistake_is_named_with_what_would_be_right() -> None:
    kind = FaultKind("kill", "", Kill, settings=(CUT, WAY))
    problems = list(kind.problems({"cuts": 1, "cut": 99, "way": "up"}))
    assert [(each.id, each.path) for each in problems] == [
        ("prove.unknown-setting", "cuts"),
        ("prove.wrong-setting", "cut"),
    ]
    assert problems[0].hint == "did you mean 'cut'?"
    assert problems[1].expected == "cut: a number of s between 0 and 30"


def test_settings_that_nobody_gave_have_their_defaults() -> None:
    kind = FaultKind("kill", "", Kill, settings=(CUT, WAY))
    assert kind.read({"way": "up"}) == {"cut": 0.5, "way": "up"}
    with pytest.raises(ValueError, match="cuts"):
        kind.read({"cuts": 1})
