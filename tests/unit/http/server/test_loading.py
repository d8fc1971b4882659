"""What a replica is told in its environment: all that is wrong at once, before anything is imported."""

from __future__ import annotations

import pytest

from mainstay.base import wire
from mainstay.base.errors import InvalidInput
from mainstay.http.server.loading import read_assignment


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv(wire.APPLICATION, "shop.wsgi:application")
    monkeypatch.setenv(wire.BIND, "127.0.0.1:8000")
    for name in (wire.INTERFACE, wire.THREADS, wire.REQUESTS_MAX, wire.DRAIN_TIMEOUT):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_it_is_read(sound: pytest.MonkeyPatch) -> None:
    sound.setenv(wire.BIND, "[::1]:65535")
    found = read_assignment()
    assert (found.host, found.port, found.interface, found.threads) == ("::1", 65535, "asgi", 8)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        (
            wire.BIND,
            ("", "8000", "localhost:", ":8000", "localhost:²", "localhost:65536", "localhost:-1", "a:b"),
        ),
        (wire.APPLICATION, ("", "shop", "shop:", ":application")),
        (wire.INTERFACE, ("cgi", "ASGI ")),
        (wire.THREADS, ("many", "-1", "1.5")),
        (wire.REQUESTS_MAX, ("many",)),
        (wire.DRAIN_TIMEOUT, ("soon", "nan")),
    ],
)
def test_a_variable_that_is_wrong_is_named(
    sound: pytest.MonkeyPatch, name: str, values: tuple[str, ...]
) -> None:
    for value in values:
        sound.setenv(name, value)
        with pytest.raises(InvalidInput) as caught:
            read_assignment()
        (problem,) = caught.value.problems
        assert (problem.path, problem.found) == (name, repr(value))


def test_all_are_told_at_once(sound: pytest.MonkeyPatch) -> None:
    for name in (wire.BIND, wire.APPLICATION, wire.INTERFACE, wire.THREADS):
        sound.setenv(name, "wrong")
    with pytest.raises(InvalidInput) as caught:
        read_assignment()
    assert len(caught.value.problems) == 4
