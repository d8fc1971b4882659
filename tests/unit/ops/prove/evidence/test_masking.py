"""Secrets in evidence."""

from __future__ import annotations

import json
import tomllib

import pytest

from mainstay.ops.prove.evidence.masking import (
    MASK,
    looks_secret,
    mask,
    mask_line,
    mask_topology,
    mask_words,
    masked,
)

SECRET = "hunter2-correct-horse"

SPELLINGS = (
    f'env = {{ PAYMENT_API_KEY = "{SECRET}", LOG_LEVEL = "info" }}',
    f"env.SECRET_KEY = '{SECRET}'",
    f'env = {{ "DJANGO_SECRET" = "{SECRET}" }}',
    f'[service.shop.env]\nDB_PASSWORD = """{SECRET}"""',
    f'[service.shop.env]\n"AUTH_TOKEN"   =   "{SECRET}"  # the real one',
    f'env = {{ DATABASE_URL = "postgres://shop:{SECRET}@db.example.org/shop" }}',
    f'env = {{ SENTRY_DSN = "https://{SECRET}@sentry.example.org/1" }}',
)


@pytest.mark.parametrize("text", SPELLINGS)
def test_a_topology_shows_no_secret_and_stays_toml(text: str) -> None:
    shown = mask_topology(f'[system]\nname = "shop"\n\n[service.shop]\n{text}\n')
    assert SECRET not in shown
    assert MASK in shown
    assert tomllib.loads(shown)["system"] == {"name": "shop"}


def test_what_is_not_secret_stays_with_its_comments() -> None:
    text = '# the shop\n[service.shop]\nroot = "shop"\nenv = { LOG_LEVEL = "info" } # loud\n'
    assert mask_topology(text) == text


def test_a_spelling_that_the_text_cannot_be_masked_in_costs_the_comments() -> None:
    """Nested tables are no assignment of the key that looks secret; the tree knows better."""
    text = f'# comment\n[service.shop.secrets]\nfirst = "{SECRET}"\n'
    shown = mask_topology(text)
    assert SECRET not in shown
    assert json.loads(shown) == {"service": {"shop": {"secrets": {"first": MASK}}}}


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"authorization: Basic {SECRET}",
        f"sent with 'Authorization': 'Token {SECRET}'",
        f"Cookie: sessionid={SECRET}; theme=dark",
        f"redis://:{SECRET}@127.0.0.1:6379/0 refused",
        f"FATAL: password={SECRET} is wrong",
        f"GET /api/?access_token={SECRET}&page=2",
        f'{{"password": "{SECRET}"}}',
    ],
)
def test_a_text_shows_no_credential(text: str) -> None:
    assert SECRET not in mask(text)
    assert MASK in mask(text)


@pytest.mark.parametrize(
    "text",
    [
        "tokens.lost = 0",
        "502 Bad Gateway from http://127.0.0.1:8000/api/tokens/",
        "POST /api/tokens/ answered 503: basic authentication is not used",
        "the key of order 4711 was seen twice",
    ],
)
def test_an_ordinary_text_stays(text: str) -> None:
    assert mask(text) == text


def test_a_line_of_json_stays_json() -> None:
    line = json.dumps({"error": f'Authorization: Bearer {SECRET}"}}', "number": 7})
    assert json.loads(mask(line))["number"] == 7
    assert SECRET not in mask(line)


@pytest.mark.parametrize("name", ["credential", "key", "DB_PASS", "Authorization"])
def test_a_line_of_json_is_masked_by_its_names(name: str) -> None:
    line = json.dumps({"event": "started", "number": 7, "options": {name: SECRET}}) + "\n"
    assert json.loads(mask_line(line)) == {"event": "started", "number": 7, "options": {name: MASK}}
    assert mask_line(line).endswith("}\n")


@pytest.mark.parametrize(
    "line",
    [
        '{"event":"passed", "author" : "Ada"}\n',
        '{"event":"tokens.lost", "count": 3}',
        '{"key": "cut in the mid',
        "[7] LOG:  the key of order 4711 was seen twice\n",
        "\n",
    ],
)
def test_an_ordinary_line_stays_as_it_was_written(line: str) -> None:
    assert mask_line(line) == line


def test_a_line_that_is_no_json_is_masked_by_its_shape() -> None:
    assert SECRET not in mask_line(f'{{"password": "{SECRET}", "rest')
    assert SECRET not in mask_line(f"FATAL: password={SECRET} is wrong\n")


def test_values_are_masked_by_their_names_too() -> None:
    tree = {"api_key": SECRET, "inner": [{"password": SECRET}], "count": 3, "key": "", "author": "Ada"}
    assert masked(tree) == {
        "api_key": MASK,
        "inner": [{"password": MASK}],
        "count": 3,
        "key": "",
        "author": "Ada",
    }


def test_a_command_line_shows_no_secret_option() -> None:
    words = ["mainstay", "prove", "--token", SECRET, f"--api-key={SECRET}", "--seed", "7"]
    shown = mask_words(words)
    assert SECRET not in " ".join(shown)
    assert shown[-2:] == ["--seed", "7"]


@pytest.mark.parametrize("name", ["SECRET_KEY", "api-key", "DB_PASS", "AUTH", "TOKEN"])
def test_names_that_look_secret(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize("name", ["replicas", "keyed", "passed", "author", "monkey", "name"])
def test_names_that_do_not(name: str) -> None:
    assert not looks_secret(name)
