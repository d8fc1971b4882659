"""What a client sends costs time and memory that are bounded and grow no faster than its length."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.http.entrance import access, line
from mainstay.http.exchange import Exchange
from mainstay.observability.formats import JsonFormatter
from mainstay.observability.scrubbing import (
    MASK,
    looks_secret,
    names,
    request_secrets,
    requests,
    scrub_text,
    texts,
)
from mainstay.observability.scrubbing.shapes import mask_shapes

PIECES = [
    "eyJ-", "eyJ.", "eyJaaaaaaaa.", "Key (", "Key (a)=(", "Failing row contains (", "token", "token=", "token='",
    "token=\\\"", "password", "pass-", "auth", "auth.-", "private-key", "authorization:", "authorization: basic ",
    "bearer ", "bearer\n,", "basic" + " " * 60, "cookie:", "cookie: \r", "://", "://a:", "://a:bbbb@", "a:", "@",
    "sk-a ", "SG.-", "SG." + "a" * 16, "-----BEGIN ", "-----BEGIN PRIVATE KEY-----",
    "4", "4 ", "4111-", "'", "''", "\\", "$", "$a$",
]  # fmt: skip


def spent(work: Callable[[str], object], text: str) -> float:
    """Seconds of processor time, at its quickest of four."""
    found = []
    for _ in range(4):
        begun = time.process_time()
        work(text)
        found.append(time.process_time() - begun)
    return min(found)


@pytest.mark.parametrize("work", [mask_shapes, lambda text: texts._SQL_LITERAL.sub("?", text)])
@pytest.mark.parametrize("piece", PIECES)
def test_hostile_repetition_is_read_in_linear_time(work: Callable[[str], object], piece: str) -> None:
    """Compared with itself: 16 times the text may take 40 times as long; in quadratic time it would be 256 times."""

    def hostile(length: int) -> str:
        return "token " + piece * (length // len(piece))

    assert spent(work, hostile(16_384)) < 40 * max(spent(work, hostile(1024)), 0.0002)


@given(st.text(alphabet="ab=:'\"\\ -@/.passwordtokencookieKey(){}[]\n0123456789", max_size=400))
def test_no_text_takes_long_or_fails(text: str) -> None:
    scrub_text(text)
    texts.scrub_sql(text)


def test_what_a_stranger_sends_reaches_the_patterns_only_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """uvicorn takes paths of 64 Ki, granian any word for a method: an access line costs no more for that."""
    seen: list[int] = []

    def count(text: str) -> str:
        seen.append(len(text))
        return text

    monkeypatch.setattr(texts, "mask_shapes", count)
    exchange = Exchange("TOKEN" * 10_000, "/token" * 10_000, "", "", "")
    record = access._record(exchange, 0.1)
    text = line.render(exchange, 0.1, JsonFormatter())
    most = [line.METHOD_LIMIT + texts.MARGIN, texts.PATH_LIMIT + texts.MARGIN]
    assert sorted(seen)[-4:] == [most[0], most[0], most[1], most[1]]
    assert len(json.dumps([vars(record)["method"], vars(record)["path"]])) < 1200
    assert len(text) < 1600


def test_long_names_are_judged_and_not_kept() -> None:
    """A form may have a name of megabytes; thousands of them remembered would fill the memory."""
    before = names._remembered.cache_info().currsize
    assert looks_secret("x" * 5000 + "_password")
    assert not looks_secret("y" * 5000)
    assert names._remembered.cache_info().currsize == before


def test_only_so_many_values_of_a_request_are_looked_for() -> None:
    """Credentials, path and fields before cookies, and of those first what says what it is."""
    cookies = "; ".join(f"c{number}=innocent-{number}" for number in range(5000))
    request = SimpleNamespace(
        META={
            "HTTP_COOKIE": f"{cookies}; sessionid=session-secret",
            "HTTP_AUTHORIZATION": "Basic header-secret",
        },
        resolver_match=SimpleNamespace(kwargs={"token": "path-secret"}),
        _post={"password": [f"form-secret-{number}" for number in range(50)]},
    )
    found = request_secrets(request)
    assert len(found) == requests.SECRETS_LIMIT
    assert {"session-secret", "header-secret", "path-secret", "form-secret-49"} < set(found)


@pytest.mark.parametrize(
    ("query", "body"),
    [("a=1&" * 1000, b"{}"), ("", b"{"), ("", b"[" * 60_000), ("", b"\xff")],
)
def test_nonsense_in_one_place_does_not_uncover_another(query: str, body: bytes) -> None:
    """A query of a thousand fields, a body that is no JSON: the credentials are masked all the same."""
    meta = {
        "HTTP_AUTHORIZATION": "Bearer header-secret",
        "QUERY_STRING": query,
        "CONTENT_TYPE": "application/json",
    }
    secrets = request_secrets(SimpleNamespace(META=meta, _body=body))
    assert scrub_text("it was header-secret", secrets=secrets) == f"it was {MASK}"
