from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from mainstay.base.errors import InvalidInput
from mainstay.http.exchange import EXCHANGE, Exchange
from mainstay.http.limits import keys


def request(**headers: str) -> Any:
    return RequestFactory(**headers).get("/", REMOTE_ADDR="192.0.2.7")


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "ip:192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "ip:2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "ip:2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "ip:2001:db8:1:3::/64"),
        ("::ffff:192.0.2.7", "ip:192.0.2.7"),
        ("fe80::1%eth0", "ip:fe80::/64"),
        ("", "ip:unknown"),
        ("unix", "ip:unix"),
    ],
)
def test_one_network_is_one_client(address: str, key: str) -> None:
    assert keys.network(address) == key


def test_the_address_is_that_of_the_request_which_the_project_may_have_corrected() -> None:
    """The entrance has written what it found there already; without one it is the project's affair."""
    token = EXCHANGE.set(Exchange("GET", "/", "id", "198.51.100.9", ""))
    try:
        assert keys.read("ip", "").find(request()) == "ip:192.0.2.7"
    finally:
        EXCHANGE.reset(token)


async def test_who_is_signed_in_is_known_by_that() -> None:
    find = keys.read("user", "")
    asked = request()
    assert find.find(asked) == "ip:192.0.2.7"
    asked.user = SimpleNamespace(is_authenticated=False, pk=None)
    assert find.find(asked) == "ip:192.0.2.7"
    asked.user = SimpleNamespace(is_authenticated=True, pk=42)
    assert find.find(asked) == "user:42"
    assert await find.find_async(asked) == "user:42"

    async def auser() -> Any:
        return SimpleNamespace(is_authenticated=True, pk=43)

    asked.auser = auser
    assert await find.find_async(asked) == "user:43"


async def test_a_header_names_the_client_and_its_absence_the_address() -> None:
    find = keys.read("header:X-Api-Key", "")
    key = find.find(request(HTTP_X_API_KEY="k1"))
    assert key is not None
    assert key.startswith("x-api-key:#")
    assert await find.find_async(request(HTTP_X_API_KEY="k1")) == key
    assert find.find(request(HTTP_X_API_KEY="k2")) != key
    assert find.find(request()) == "ip:192.0.2.7"


def test_a_credential_in_a_header_is_not_kept_in_valkey() -> None:
    """Names of keys are seen by whoever looks: in its slow log, by MONITOR, in a dump."""
    credential = "Secret-of-64-plain-characters"
    assert credential not in str(keys.read("header:X-Api-Key", "").find(request(HTTP_X_API_KEY=credential)))


async def test_a_function_says_who_it_is_or_that_there_is_no_limit() -> None:
    def tenant(asked: Any) -> str | None:
        return asked.GET.get("tenant")

    async def tenant_async(asked: Any) -> str | None:
        return tenant(asked)

    asked = RequestFactory().get("/?tenant=acme")
    assert keys.read(tenant, "").find(asked).endswith(":acme")  # type: ignore[union-attr]
    assert (await keys.read(tenant_async, "").find_async(asked)).endswith(":acme")  # type: ignore[union-attr]
    assert keys.read(tenant, "").find(request()) is None


@given(st.text())
def test_any_value_is_a_short_and_plain_key(value: str) -> None:
    key = keys.short(value)
    assert len(key) <= 64
    assert key.isascii()
    assert not set(key) & set(" \r\n\t{}*?[]\0")


@given(st.lists(st.text(), unique=True, min_size=2, max_size=2))
def test_two_values_are_two_keys(values: list[str]) -> None:
    """Also where one looks like the hash of the other: what begins like a hash is hashed itself."""
    first, second = values
    assert keys.short(first) != keys.short(second)
    assert keys.short(keys.short(first)) != keys.short(second) or keys.short(first) == second


@pytest.mark.parametrize("key", ["", "ips", "header:", "header:X Api", "header:X\r\nY", None, 7, ["ip"]])
def test_anything_else_is_one_clear_error(key: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        keys.read(key, "views.py:7")
    (problem,) = caught.value.problems
    assert (problem.id, problem.where, problem.path) == ("limits.bad-key", "views.py:7", "key")
