from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from django.test import override_settings

from mainstay.base.errors import InvalidInput, OperationFailed
from mainstay.base.installing import as_installed
from mainstay.http.limits import current


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    current.forget()
    yield
    current.forget()


def test_there_is_one_until_the_settings_change() -> None:
    first = current.engine()
    assert current.engine() is first
    with override_settings(MAINSTAY={"http": {"rate_limits": {"keys_max": 5}}}):
        assert current.engine().options.keys_max == 5
    assert current.engine().options.keys_max == 10_000


def test_an_address_that_is_none_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_URL", "valkey//:secret@cache:6379")
    with pytest.raises(InvalidInput, match=r"limits\.bad-url") as caught:
        current.engine()
    assert "secret" not in str(caught.value)


def test_without_the_client_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_URL", "redis://cache:6379/0")
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(OperationFailed) as caught:
        current.engine()
    assert caught.value.hint == as_installed('pip install "django-mainstay[cache]"')
