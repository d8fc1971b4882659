"""A mark answers for its own rule and only with a reason."""

from __future__ import annotations

import pytest

from scripts.security import is_answered


@pytest.mark.parametrize(
    ("rule", "line", "expected"),
    [
        ("B104", 'host = "0.0.0.0"  # noqa: S104 - compared with, not listened on', True),
        ("B104", 'host = "0.0.0.0"  # noqa: S105, S104 - compared with', True),
        ("B104", 'host = "0.0.0.0"  # noqa: S104', False),
        ("B105", 'host = "0.0.0.0"  # noqa: S104 - compared with', False),
        ("B104", 'host = "0.0.0.0"', False),
        ("B105", 'method = "scram"  # nosec B105 - the name of a method', True),
        ("B105", 'method = "scram"  # nosec B105', False),
        ("B703", "mark_safe(text)  # noqa: S308 - numbers only", True),
    ],
)
def test_mark_answers_for_its_rule(rule: str, line: str, expected: bool) -> None:
    assert is_answered(rule, line) is expected
