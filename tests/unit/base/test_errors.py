"""What is said of a name that nobody knows."""

from __future__ import annotations

import pytest

from mainstay.base.errors import nearest


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("browze", ["buy", "browse"], "did you mean 'browse'?"),
        ("", ["", "ms", "s"], ""),
        ("", [], ""),
        ("s", [""], ""),
        ("xyz", ["browse"], ""),
    ],
)
def test_the_nearest_name_is_one_and_nothing_is_like_nothing(name: str, known: list[str], hint: str) -> None:
    assert nearest(name, known) == hint
