from __future__ import annotations

import uuid

import pytest

from mainstay.http.entrance import identity


def test_new_ids_are_version_7_and_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = []
    for milliseconds in (1, 2, 3_000_000_000_000):
        monkeypatch.setattr(
            "mainstay.http.entrance.identity.time.time_ns", lambda now=milliseconds: now * 1_000_000
        )
        ids.append(identity.new())
    parsed = [uuid.UUID(each) for each in ids]
    assert [each.version for each in parsed] == [7, 7, 7]
    assert {each.variant for each in parsed} == {uuid.RFC_4122}
    assert ids == sorted(ids)
    assert parsed[2].int >> 80 == 3_000_000_000_000
    assert len({identity.new() for _ in range(1000)}) == 1000


@pytest.mark.parametrize("offered", ["a" * 8, "A-9" * 20, "x" * 64])
def test_acceptable_id_of_a_trusted_peer_is_kept(offered: str) -> None:
    assert identity.choose(offered, trusted=True) == offered


@pytest.mark.parametrize("offered", ["", "a" * 7, "a" * 65, "a b c d e f", "abcdefgh\n", "ümlaut-ümlaut"])
def test_anything_else_is_replaced(offered: str) -> None:
    assert identity.choose(offered, trusted=True) != offered


def test_stranger_s_id_is_replaced() -> None:
    assert identity.choose("a" * 8, trusted=False) != "a" * 8
