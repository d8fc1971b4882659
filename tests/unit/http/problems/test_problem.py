from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.base import problempage as page
from mainstay.base import problemtypes
from mainstay.http.entrance import answers
from mainstay.http.problems import Problem
from mainstay.http.problems.accept import wants_page
from mainstay.http.problems.problem import plain


@pytest.mark.parametrize("status", [0, 200, 399, 600, "404", None, 404.5, True])
def test_only_errors_are_problems(status):
    with pytest.raises(ValueError, match=f"from 400 to 599, .* not {status!r}$"):
        Problem(status)


def test_standard_members_cannot_be_overwritten():
    with pytest.raises(TypeError, match="instance, type"):
        Problem(400, type="x", instance="y")


def test_a_status_alone_is_enough():
    body = Problem(418).as_json()
    assert (body["type"], body["status"], body["title"]) == ("/problems/bad-request", 418, "I'm a Teapot")


@pytest.mark.parametrize(
    "status", [403, 404, 405, 406, 408, 409, 410, 413, 415, 422, 429, 431, 500, 502, 503, 504]
)
def test_a_kind_of_one_s_own_is_called_as_its_status_is(status):
    """Python's own names are older ones before 3.13: RFC 9110 calls 422 Unprocessable Content."""
    assert Problem(status, "urn:shop:own").title == Problem(status).title
    assert answers.problem(status).status_line == f"{status} {Problem(status).title}"


@pytest.mark.parametrize(
    ("base", "slug", "uri"),
    [
        (None, "not-found", "/problems/not-found"),
        ("https://docs.example/problems.html#", "not-found", "https://docs.example/problems.html#not-found"),
        ("https://docs.example/", "urn:shop:sold-out", "urn:shop:sold-out"),
        ("https://docs.example/", "/own/page", "/own/page"),
    ],
)
def test_where_types_lead_to_is_configured(settings, base, slug, uri):
    settings.MAINSTAY = {"http": {"problem_base": base}} if base else {}
    assert Problem(404, slug).as_json()["type"] == uri


@pytest.mark.parametrize("nonsense", [None, [], {"http": None}, {"http": 3}])
def test_a_setting_that_is_no_table_counts_as_empty(settings, nonsense):
    settings.MAINSTAY = nonsense
    assert Problem(404).as_json()["type"] == "/problems/not-found"


@pytest.mark.parametrize(("given", "sent"), [(0, "0"), (0.2, "1"), (3, "3"), (-4, "0")])
def test_waiting_is_rounded_up(given, sent):
    assert Problem(503, retry_after=given).headers["Retry-After"] == sent


class Torn(dict):
    def items(self):
        raise RuntimeError


CYCLE: list = []
CYCLE += [CYCLE, CYCLE]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates()
anything = st.recursive(
    scalars | st.just(object()) | st.just(Torn(a=1)) | st.sets(st.integers()),
    lambda inner: st.lists(inner) | st.dictionaries(scalars, inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(anything)
def test_any_member_becomes_json(value):
    assert json.loads(json.dumps(plain(value), allow_nan=False)) is not NotImplemented


def test_cycles_and_lone_surrogates_become_json():
    json.dumps(plain({"cycle": CYCLE, "lone": "\ud800"}), allow_nan=False)


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [
        ("", False),
        ("*/*", False),
        ("text/*", False),
        ("application/json", False),
        ("text/html", True),
        ("TEXT/HTML", True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("application/xhtml+xml", True),
        ("application/json, text/html;q=0.9", False),
        ("application/json;q=0.5, text/html;q=0.9", True),
        ("text/html;q=0, */*", False),
        ("text/html;q=0.000", False),
        ("text/html, application/json", True),
        ("application/json, text/html", False),
        ("text/html;level=1;q=0.4, application/problem+json;q=0.5", False),
        ("text/html;q=2", False),
        ("text/html;q=nan", False),
        ("text/html;q=1e0", False),
        ("text/html;q=-1", False),
        ("text/html;q=", False),
        (";;,,;q=;text/html", False),
        ("text/html ; q=1", True),
        ("x" * 100_000 + ",text/html", False),
        ("text/html\x00", False),
    ],
)
def test_who_wants_a_page(accept, is_page):
    assert wants_page(accept) is is_page


@given(st.text(max_size=200))
def test_no_accept_header_breaks(accept):
    wants_page(accept + "html")


def test_a_page_repeats_nothing_unescaped():
    shown = page.render("<b>", '"<script>', "<id>").decode()
    assert "<script>" not in shown
    assert "<b>" not in shown
    assert "<id>" not in shown


class TestCatalogue:
    def test_slugs_are_unique_and_plain(self):
        slugs = [each.slug for each in problemtypes.CATALOGUE]
        assert len(slugs) == len(set(slugs))
        assert all(slug.replace("-", "").isalpha() and slug.islower() for slug in slugs)

    @pytest.mark.parametrize("status", [400, 403, 404, 405, 408, 413, 429, 431, 500, 502, 503, 504])
    def test_every_status_that_a_client_can_see_has_one(self, status):
        assert problemtypes.of_status(status).status == status

    @pytest.mark.parametrize(("status", "slug"), [(418, "bad-request"), (599, "internal-error")])
    def test_other_statuses_are_seen_as_their_class(self, status, slug):
        assert problemtypes.of_status(status).slug == slug


def test_all_kinds_are_listed_and_each_link_leads_to_its_page(client, settings):
    settings.ROOT_URLCONF = "mainstay.http.problems.urls"
    answer = client.get("/")
    assert (answer.status_code, answer["Content-Security-Policy"]) == (200, page.POLICY)
    links = re.findall(r'<a href="([^"]+)">', answer.content.decode())
    assert sorted(links) == sorted(problemtypes.BY_SLUG)
    for link in links:
        shown = client.get(f"/{link}")
        assert (shown.status_code, '<a href=".">' in shown.content.decode()) == (200, True)


def test_the_page_of_an_error_has_a_way_out():
    assert '<a href="/">' in page.render("Not Found", "There is nothing at this address.").decode()


def test_each_type_has_a_page(client, settings):
    settings.ROOT_URLCONF = "mainstay.http.problems.urls"
    for kind in problemtypes.CATALOGUE:
        answer = client.get(f"/{kind.slug}")
        assert (answer.status_code, answer["Content-Security-Policy"]) == (200, page.POLICY)
        assert kind.title in answer.content.decode()
    assert client.get("/nothing").status_code == 404
