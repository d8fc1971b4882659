from __future__ import annotations

from typing import Any

import pytest
from django.test import override_settings

from mainstay.base.errors import InvalidInput
from mainstay.http.limits.options import Options, read


def given(**options: Any) -> Any:
    return override_settings(MAINSTAY={"http": {"rate_limits": options}})


def test_without_any_setting_there_are_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CACHE_URL", raising=False)
    assert read() == Options(prefix="mainstay")


def test_the_environment_names_the_valkey_and_the_settings_may_name_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CACHE_URL", "redis://cache/0")
    monkeypatch.setenv("MAINSTAY_SERVICE", "orders")
    assert (read().url, read().prefix) == ("redis://cache/0", "orders")
    with given(url="redis://limits/1", prefix="shared"):
        assert (read().url, read().prefix) == ("redis://limits/1", "shared")


def test_all_mistakes_are_named_at_once() -> None:
    with (
        given(timeot=1, when_unavailable="shut", replicas=0, block_share=2, timeout=True, url=5),
        pytest.raises(InvalidInput) as caught,
    ):
        read()
    found = {problem.path.split('"')[-2]: problem for problem in caught.value.problems}
    assert set(found) == {"timeot", "when_unavailable", "replicas", "block_share", "timeout", "url"}
    assert found["timeot"].hint == "did you mean 'timeout'?"
    assert {problem.id for problem in found.values()} == {"limits.unknown-option", "limits.bad-option"}


def test_a_password_in_a_wrong_url_is_not_shown() -> None:
    with given(url=b"redis://:secret@cache"), pytest.raises(InvalidInput) as caught:
        read()
    assert "secret" not in str(caught.value)


def test_a_running_system_says_how_many_share_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINSTAY_REPLICAS", "3")
    with given():
        assert read().replicas == 3
    with given(replicas=5):
        assert read().replicas == 5
