"""What is recognized as a secret, what is not, and that nothing given can break or bloat the result."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import QueryDict
from django.utils.functional import SimpleLazyObject
from hypothesis import given
from hypothesis import strategies as st

from mainstay.observability import scrubbing
from mainstay.observability.scrubbing import (
    MASK,
    Bounds,
    known_secrets,
    looks_secret,
    remember,
    request_secrets,
    scrub,
    scrub_named,
    scrub_path,
    scrub_sql,
    scrub_text,
    texts,
)

SECRET = "c4nAry-Zz91"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nc4nAry-Zz91\n-----END RSA PRIVATE KEY-----"

TEXTS = [
    f"Authorization: Bearer {SECRET}",
    f"authorization=Basic {SECRET}",
    f"{{'Authorization': 'Token {SECRET}'}}",
    f"Proxy-Authorization: Digest {SECRET}",
    f"sent Bearer {SECRET} upstream",
    f"Cookie: sessionid={SECRET}; csrftoken={SECRET}",
    f"Set-Cookie: sessionid={SECRET}; HttpOnly",
    f"postgres://app:{SECRET}@db:5432/app",
    f"redis://:{SECRET}@cache:6379/0",
    f"amqp://user:{SECRET}@mq/",
    f"https://{SECRET}@errors.example.com/1",
    f"could not connect to nats://orders:{SECRET}@127.0.0.1:4222: refused",
    f"password={SECRET}",
    f"password = '{SECRET} with blanks'".replace(" with blanks", ""),
    f"PGPASSWORD={SECRET} psql",
    f'{{"password": "{SECRET}"}}',
    f'{{\\"password\\": \\"{SECRET}\\"}}',
    f"{{'api_key': b'{SECRET}'}}",
    f"apiKey: {SECRET}",
    f"x-api-key: {SECRET}",
    f"client_secret={SECRET}&grant=1",
    f"GET /?access_token={SECRET}&page=2",
    f"GET /?page=2&token={SECRET}",
    f"passphrase: {SECRET}",
    f"password => {SECRET}",
    f"SECRET_KEY = '{SECRET}'",
    f"csrfmiddlewaretoken={SECRET}",
    f"session_key={SECRET}",
    f"pwd={SECRET}",
    f"cvv={SECRET}",
    f"--token={SECRET}",
    f"dsn=https://{SECRET}@o1.example/2",
    f"Key (email)=({SECRET}) already exists.",
    f"Key (email)=({SECRET}) and other words",
    f"DETAIL:  Failing row contains (1, {SECRET}, null).",
    KEY,
    KEY.replace("\n", "\\n"),
    KEY.partition("-----END")[0],
]

TOKENS = [
    JWT,
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_0123456789abcdefghij0123456789abcdef",
    "github_pat_11ABCDEFG0123456789abcdef",
    "glpat-0123456789abcdefghij",
    "xoxb-123456789012-abcdef",
    "sk_live_0123456789abcdef",
    "rk_test_0123456789abcdef",
    "AIzaSyA0123456789abcdefghij0123456789abc",
    "SG.0123456789abcdefgh.0123456789abcdefgh",
    "npm_0123456789abcdefghij0123456789abcdef",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "378282246310005",
    "5555555555554444",
    "6011111111111117",
]

KEPT = [
    "sold A1 to nobody",
    "the author wrote: nothing",
    "tokens.lost = 0",
    "3 tokens",
    "order 1234567890123456 paid",
    "at 1790000000000000000 ns",
    "request 01890a5d-ac96-774b-bcce-b302099a8057",
    "https://shop.example.com/a?page=2",
    "mail to somebody@example.com",
    "authenticated as bob",
    "0af7651916cd43dd8448eb211c80319c",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "",
]

NAMES = [
    "password", "PASSWORD", "user_password", "newPassword1", "passwd", "secret", "SECRET_KEY", "client_secret",
    "token", "access_token", "refreshToken", "csrfmiddlewaretoken", "api_key", "apiKey", "X-Api-Key",
    "Authorization", "HTTP_AUTHORIZATION", "auth", "Cookie", "Set-Cookie", "sessionid", "session_key",
    "private_key", "credentials", "SENTRY_DSN", "pin", "otp", "cvv", "card_number", "cardNumber", "ssn", "db_pwd",
    "jwt", "passphrase", "signing_salt", "signature_signing_key", "encryption_key", "credit-card-number",
]  # fmt: skip

HARMLESS = [
    "author",
    "authority",
    "spinner",
    "passenger",
    "key",
    "keyboard",
    "path",
    "seat",
    "pinned",
    "tokens",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_secret_in_a_text_is_masked_wherever_it_stands(text: str) -> None:
    for around in (text, f"before {text} after", f"x\n{text}\ny"):
        shown = scrub_text(around)
        assert SECRET not in shown
        assert MASK in shown
    assert SECRET not in scrub_text("x " * 5000 + text)


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_is_known_by_its_shape(token: str) -> None:
    assert scrub_text(f"with {token} it works") == f"with {MASK} it works"


@pytest.mark.parametrize("text", KEPT)
def test_what_only_resembles_a_secret_stays(text: str) -> None:
    assert scrub_text(text) == text


def test_the_rest_of_a_text_stays_readable() -> None:
    assert (
        scrub_text("Key (email)=(a)(b) already exists.\nat 7")
        == f"Key (email)=({MASK}) already exists.\nat 7"
    )
    assert scrub_text(f"session-{JWT}, page 2") == f"session-{MASK}, page 2"
    assert scrub_text("postgres://app:hunter2@db:5432/app") == f"postgres://app:{MASK}@db:5432/app"
    assert scrub_text("a=1&token=abc&b=2") == f"a=1&token={MASK}&b=2"
    assert scrub_text('{"password": "x y", "user": "bob"}') == f'{{"password": "{MASK}", "user": "bob"}}'


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_says_it(name: str) -> None:
    assert looks_secret(name)
    for value in (SECRET, SECRET.encode(), [SECRET], {"x": SECRET}, (SECRET,), 123456789):
        assert scrub_named(name, value) == MASK


@pytest.mark.parametrize("name", HARMLESS)
def test_a_name_that_says_nothing(name: str) -> None:
    assert scrub_named(name, "A1") == "A1"


def test_counts_and_absences_under_a_secret_name_stay() -> None:
    assert scrub({"token_limit": 12, "password": None, "secret": "", "has_token": True}) == {
        "token_limit": 12,
        "password": None,
        "secret": "",
        "has_token": True,
    }


def test_every_level_is_looked_at() -> None:
    nested = {
        "a": [{"b": ({"password": SECRET},)}],
        "headers": [("Authorization", SECRET), (b"cookie", SECRET)],
    }
    assert SECRET not in json.dumps(scrub(nested))
    assert scrub(QueryDict(f"password={SECRET}&seat=A1&seat=A2")) == {"password": MASK, "seat": ["A1", "A2"]}


def test_cycles_end() -> None:
    ring: dict[str, Any] = {"seat": "A1"}
    ring["self"] = ring
    row: list[Any] = [1]
    row.append(row)
    assert scrub(ring) == {"seat": "A1", "self": "(cycle)"}
    assert scrub(row) == [1, "(cycle)"]
    twice = {"x": 1}
    assert scrub([twice, twice]) == [twice, twice]


def test_depth_number_and_length_are_bounded() -> None:
    deep: list[Any] = []
    for _ in range(10_000):
        deep = [deep]
    assert len(json.dumps(scrub(deep))) < 200
    wide = scrub({f"k{number}": number for number in range(100_000)})
    assert len(wide) == scrubbing.LINE.items + 1
    assert wide["…"] == "99950 more"
    assert len(scrub(list(range(100_000)))) == scrubbing.LINE.items + 1
    many = [[[0] * 50 for _ in range(50)] for _ in range(50)]
    assert json.dumps(scrub(many)).count("(too much)") > 0
    assert len(scrub_text("x" * 10_000_000)) < 9000
    assert len(scrub(b"\xff" * 10_000_000)) < 40_000


def test_a_cut_leaves_no_half_of_a_secret() -> None:
    for before in range(scrubbing.TEXT_LIMIT - 60, scrubbing.TEXT_LIMIT + 2):
        assert "eyJ" not in scrub_text("x " * (before // 2) + " " + JWT + " y" * 400)


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no")

    def __str__(self) -> str:
        raise RuntimeError("no")


class BrokenMapping(dict[str, Any]):
    def items(self) -> Any:
        raise RuntimeError("no")

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("no")

    def __len__(self) -> int:
        raise RuntimeError("no")


class Endless(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("no")

    def lower(self) -> str:
        raise RuntimeError("no")

    def __getitem__(self, key: Any) -> str:
        raise RuntimeError("no")


class Recursive:
    def __str__(self) -> str:
        return str(self)


@pytest.mark.parametrize(
    "value",
    [
        Broken(),
        [Broken()],
        {"a": Broken()},
        {Broken(): 1},
        BrokenMapping(a=1),
        Endless("x"),
        Recursive(),
        {1: 2},
    ],
)
def test_objects_that_fail_survive(value: Any) -> None:
    json.dumps(scrub(value))


def test_plain_values_of_every_day_have_a_text() -> None:
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    key = uuid.UUID(int=7)
    assert scrub([moment, key, Decimal("1.50"), {"b"}, frozenset({1}), b"bytes \xff", sys]) == [
        "2026-01-02 00:00:00+00:00",
        str(key),
        "1.50",
        ["b"],
        [1],
        "bytes \\xff",
        str(sys),
    ]
    assert scrub([float("nan"), float("inf"), 10**5000, -(2**63)]) == [
        "nan",
        "inf",
        "(a number of 16610 bits)",
        -(2**63),
    ]


def test_nothing_asks_the_database() -> None:
    def load() -> User:
        raise AssertionError("evaluated")

    assert scrub(SimpleLazyObject(load)) == "(not evaluated)"
    assert scrub(User.objects.all()) == "(QuerySet)"
    assert scrub(User(pk=7, username=SECRET)) == "auth.User(7)"


def test_what_the_environment_holds_is_masked_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {
        "SECRET_KEY": "zq-django-key-1",
        "DATABASE_URL": "postgres://app:zq%2Fpass-2@db/app",
        "URLS": "redis://:zq-pass-3@a,redis://:zq-pass-4@b",
        "HOME": "/home/shop",
        "SHORT_TOKEN": "abc",
        "PWD": "/home/shop",
    }
    found = known_secrets(environ)
    assert set(found) == {"zq-django-key-1", "zq%2Fpass-2", "zq/pass-2", "zq-pass-3", "zq-pass-4"}
    monkeypatch.setattr(texts, "_known", ())
    assert "zq-django-key-1" in scrub_text("it was zq-django-key-1!")
    remember(*found)
    assert scrub_text("it was zq-django-key-1, then zq/pass-2") == f"it was {MASK}, then {MASK}"
    assert scrub({"innocent": ["zq-pass-3"]}) == {"innocent": [MASK]}
    monkeypatch.undo()
    texts._short.cache_clear()


def test_what_came_with_the_request_is_masked_anywhere() -> None:
    request = SimpleNamespace(
        META={
            "HTTP_AUTHORIZATION": "Bearer header-secret",
            "HTTP_COOKIE": "a=cookie-secret; b=x",
            "HTTP_X_API_KEY": "key-secret",
            "HTTP_USER_AGENT": "Firefox",
            "QUERY_STRING": "token=query-secret&page=long-enough",
            "CONTENT_TYPE": "application/json",
        },
        resolver_match=SimpleNamespace(kwargs={"token": "path-secret", "seat": "long-enough"}),
        _post=QueryDict("password=form-secret&seat=long-enough"),
        _body=b'{"login": {"passphrase": "json-secret", "credentials": ["deep-secret"]}, "seat": "long-enough"}',
    )
    secrets = request_secrets(request)
    text = (
        "header-secret cookie-secret key-secret query-secret form-secret json-secret deep-secret path-secret"
    )
    assert scrub_text(text, secrets=secrets) == " ".join([MASK] * 8)
    assert scrub_text("Firefox long-enough", secrets=secrets) == "Firefox long-enough"
    assert request_secrets(request) == secrets


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"\xff", b"x" * 100_000, b"7", b'"x"'])
def test_a_body_that_is_no_json_is_no_trouble(body: bytes) -> None:
    meta = {"CONTENT_TYPE": "application/json", "QUERY_STRING": "&" * 1000}
    assert request_secrets(SimpleNamespace(META=meta, _body=body)) == ()
    assert request_secrets(object()) == ()
    assert request_secrets(SimpleNamespace(META=None)) == ()


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("SELECT 1", "SELECT ?"),
        ("SELECT * FROM t1 WHERE a = %s AND b = $1", "SELECT * FROM t1 WHERE a = %s AND b = $1"),
        ("SELECT 'it''s' , \"col\"", 'SELECT ? , "col"'),
        (r"SELECT E'it\'s', 4111111111111111", "SELECT E?, ?"),
        ("SELECT $$secret$$, $tag$secret$tag$", "SELECT ?, ?"),
        ("SELECT 'open to the end", "SELECT ?"),
        ("LIMIT 21 OFFSET 1.5", "LIMIT ? OFFSET ?"),
    ],
)
def test_a_statement_keeps_its_shape_and_no_value(statement: str, shown: str) -> None:
    assert scrub_sql(statement) == shown


def test_a_secret_part_of_a_path_is_shown_by_its_name() -> None:
    assert scrub_path("/reset/MQ/c8f-123/", "reset/<uidb64>/<token>/") == "/reset/<uidb64>/<token>/"
    assert scrub_path("/key/1/", "key/<str:api_key>/") == "/key/<str:api_key>/"
    assert scrub_path("/order/17/", "order/<int:pk>/") == "/order/17/"
    assert scrub_path("/unknown/", "") == "/unknown/"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=30,
)


@given(JSON)
def test_whatever_is_given_becomes_valid_json(value: Any) -> None:
    json.dumps(scrub(value), allow_nan=False)


@given(st.text(max_size=300), st.text(max_size=300))
def test_a_password_is_masked_whatever_stands_around_it(before: str, after: str) -> None:
    shown = scrub({"note": before, "password": SECRET, "more": [after, {"token": SECRET}]})
    assert SECRET not in json.dumps(shown)


def test_bounds_can_be_wider_for_reports() -> None:
    deep: Any = SECRET
    for _ in range(8):
        deep = {"a": deep}
    assert "too deep" in json.dumps(scrub(deep))
    assert SECRET in json.dumps(scrub(deep, bounds=Bounds(20, 10, 100, 100)))
