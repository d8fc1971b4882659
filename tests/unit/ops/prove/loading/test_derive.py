"""What a system that has no journeys written can be asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.prove.loading import derive
from mainstay.ops.prove.loading.derive import Page, is_safe, links
from mainstay.ops.prove.loading.framing import Answer
from mainstay.ops.prove.loading.openapi import Template, identities, templates

from .answering import REFUSED, Asked, FakeHttp, client

NOT_FOUND = Answer(404, {"content-type": "text/html"}, b"<h1>Not Found</h1>")


def html(*targets: str) -> Answer:
    body = "".join(f'<a href="{each}">x</a>' for each in targets)
    return Answer(200, {"content-type": "text/html; charset=utf-8"}, body.encode())


def said(content: Any) -> Answer:
    return Answer(200, {"content-type": "application/json"}, json.dumps(content).encode())


def server(pages: Mapping[str, Answer], other: Answer = NOT_FOUND) -> FakeHttp:
    return FakeHttp(lambda asked: pages.get(asked.path, other))


async def found(http: FakeHttp) -> dict[str, tuple[str, ...]]:
    pages = [each for each in await derive.explore(http) if isinstance(each, Page)]
    return {each.name: each.paths for each in pages}


def operation(*parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {"get": {"parameters": list(parameters)}}


def path_parameter(name: str, **more: Any) -> dict[str, Any]:
    return {"in": "path", "name": name, "required": True, **more}


EVENTS = {"count": 2, "results": [{"id": 11, "name": "a"}, {"id": 12, "name": "b"}]}
SHOP = {
    "/api/events/": operation({"in": "query", "name": "page"}),
    "/api/events/{event_id}/": operation(path_parameter("event_id")),
    "/api/events/{event_id}/seats/{seat_id}/": operation(
        path_parameter("event_id"), path_parameter("seat_id")
    ),
    "/api/search/": operation({"in": "query", "name": "q", "required": True}),
    "/api/holds/": {"post": {}},
    "/api/orders/{order_id}/": operation(path_parameter("order_id")),
    "/api/sessions/logout/": operation(),
    "/api/schema/": operation(),
}
PAGES = {
    "/": html("/elsewhere/"),
    "/api/schema/": said({"openapi": "3.0.3", "paths": SHOP}),
    "/api/events/": said(EVENTS),
    "/api/events/11/": said({"id": 11}),
    "/api/events/12/": said({"id": 12}),
    "/api/events/11/seats/": said([{"id": 1}, {"id": 2}]),
    "/api/events/12/seats/": said([{"id": 3}]),
    **{f"/api/events/{a}/seats/{b}/": said({}) for a, b in ((11, 1), (11, 2), (12, 3))},
    "/api/orders/": Answer(401),
}


async def test_a_schema_gives_its_safe_questions_with_known_identifiers() -> None:
    http = server(PAGES)
    assert await found(http) == {
        "/api/events/": ("/api/events/",),
        "/api/events/{event_id}/": ("/api/events/11/", "/api/events/12/"),
        "/api/events/{event_id}/seats/{seat_id}/": (
            "/api/events/11/seats/1/",
            "/api/events/11/seats/2/",
            "/api/events/12/seats/3/",
        ),
    }
    assert {asked.method for asked in http.asked} == {"GET"}
    assert "/api/sessions/logout/" not in {asked.path for asked in http.asked}


async def test_a_page_may_say_where_the_schemas_are() -> None:
    """Where several services stand behind one edge."""
    pages = {
        **PAGES,
        "/api/schema/": said({"catalog": "/catalog/schema/", "orders": "/orders/schema/"}),
        "/catalog/schema/": said({"openapi": "3.1.0", "paths": {"/api/events/": operation()}}),
        "/orders/schema/": said({"openapi": "3.1.0", "paths": {"/api/orders/": operation()}}),
    }
    assert set(await found(server(pages))) == {"/api/events/", "/api/orders/"}


async def test_a_path_put_together_of_wrong_identifiers_is_left_out() -> None:
    """Where the list shows other numbers than the path wants."""
    pages = {
        "/api/schema/": said(
            {
                "openapi": "3.1.0",
                "paths": {
                    "/a/": operation(),
                    "/a/{id}/": operation(path_parameter("id")),
                    "/b/": operation(),
                },
            }
        ),
        "/a/": said([{"id": 1}, {"id": 2}]),
        "/a/2/": said({}),
    }
    assert await found(server(pages)) == {"/a/": ("/a/",), "/a/{id}/": ("/a/2/",), "/b/": ("/b/",)}


async def test_a_page_that_needs_a_login_is_asked_all_the_same() -> None:
    """Its refusal is an answer: that it does not come any more would be a failure."""
    pages = {"/api/schema/": said({"openapi": "3.1.0", "paths": {"/api/orders/": operation()}})}
    (page,) = await derive.explore(server({**pages, "/api/orders/": Answer(401)}))
    assert isinstance(page, Page)
    assert 401 in page.expect
    assert 200 in page.expect
    assert 503 not in page.expect


async def test_a_front_page_for_everything_is_no_schema() -> None:
    http = server({"/": html("/a/")}, other=html("/a/"))
    assert set(await found(http)) == {"/", "/a/"}


async def test_without_a_schema_links_are_followed_from_the_front_page() -> None:
    pages = {
        "/": html(
            "/about/", "events/1/", "http://127.0.0.1:8000/events/2/", "http://elsewhere/", "mailto:a@b"
        ),
        "/about/": html("/", "/deep/", "#here", "/account/logout/", "/events/delete/3/"),
        "/deep/": Answer(302, {"location": "/login/?next=/deep/"}),
        "/login/?next=/deep/": html(),
        "/events/1/": html(),
        "/events/2/": html(),
    }
    http = server(pages)
    assert await found(http) == {
        "/": ("/",),
        "/about/": ("/about/",),
        "/deep/": ("/deep/",),
        "/events/{}/": ("/events/1/", "/events/2/"),
        "/login/": ("/login/?next=/deep/",),
    }
    assert not {asked.path for asked in http.asked} & {"/account/logout/", "/events/delete/3/"}


async def test_an_empty_project_answers_404_and_that_is_what_is_expected_of_it() -> None:
    (page,) = await derive.explore(server({}))
    assert isinstance(page, Page)
    assert page.name == "/"
    caller, _, history = client(NOT_FOUND, Answer(503))
    await page.step(caller, 0)
    await page.step(caller, 1)
    assert [each.outcome for each in history.operations] == ["ok", "fail"]


async def test_a_crawl_ends() -> None:
    def endless(asked: Asked) -> Answer:
        return html(*(f"/{asked.path.strip('/')}{letter}/" for letter in "abc"))

    http = FakeHttp(endless)
    assert len(await derive.explore(http)) == derive.MOST
    assert len(http.asked) < 5 * derive.MOST


async def test_pages_that_differ_in_a_number_are_one_journey() -> None:
    pages = {"/": html(*(f"/e/{number}/" for number in range(100)))}
    paths = await found(server(pages, other=html()))
    assert len(paths["/e/{}/"]) == derive.VARIANTS


@pytest.mark.parametrize("status", [0, 429, 500, 503])
async def test_what_fails_in_calm_is_left_out(status: int) -> None:
    pages = {"/": html("/broken/", "/fine/"), "/broken/": Answer(status), "/fine/": html()}
    assert set(await found(server(pages))) == {"/", "/fine/"}


async def test_what_answers_now_so_and_now_so_is_left_out() -> None:
    turns = iter([200, 404] * 50)
    http = FakeHttp(lambda asked: Answer(next(turns)) if asked.path == "/moody/" else html("/moody/"))
    assert "/moody/" not in await found(http)


async def test_a_server_that_does_not_answer_is_said() -> None:
    with pytest.raises(OperationFailed, match="does not answer") as raised:
        await derive.explore(server({}, other=REFUSED))
    assert raised.value.id == "prove.journey-derive"


async def test_a_server_that_only_fails_is_said() -> None:
    with pytest.raises(OperationFailed, match="no page of"):
        await derive.explore(server({}, other=Answer(500)))


@pytest.mark.parametrize(
    "path",
    [
        "/logout/",
        "/accounts/log-out",
        "/sign_out",
        "/a/delete/1/",
        "/a/1/remove",
        "/cart/clear/",
        "/x?action=delete",
        "/x?delete=1",
        "/Order/Cancel/",
    ],
)
def test_what_sounds_as_if_it_changed_something_is_not_asked(path: str) -> None:
    assert not is_safe(path)


@pytest.mark.parametrize("path", ["/", "/deleted-scenes/", "/blog/clearance/", "/api/orders/", "/login/"])
def test_other_names_are_safe(path: str) -> None:
    assert is_safe(path)


def test_links_of_a_page() -> None:
    text = (
        "<a href=x>1</a><a href='?page=2'>2</a><img src=/i.png><a href='//other/y'>3</a><a download href=z>4</a>"
        "<a href='http://[bad'>5</a><a href='javascript:void(0)'>6</a><a href=x>7</a><a>8</a><link href=/s.css>"
    )
    assert links("http://h:1/a/b/", text) == ["/a/b/x", "/a/b/?page=2", "/i.png", "/s.css"]


# --- OpenAPI -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document", [{}, {"openapi": 3}, {"swagger": "2.0", "paths": {}}, {"openapi": "3.1.0"}]
)
def test_other_documents_describe_nothing(document: dict[str, Any]) -> None:
    assert templates(document) == []


def test_values_of_the_document_are_used() -> None:
    document = {
        "openapi": "3.1.0",
        "servers": [{"url": "https://example.com/v2/"}],
        "paths": {
            "/a/{kind}": {
                "parameters": [{"$ref": "#/components/parameters/kind"}],
                "get": {
                    "parameters": [
                        {
                            "in": "query",
                            "name": "day",
                            "required": True,
                            "schema": {"enum": ["mon day", "tue"]},
                        },
                        {"in": "query", "name": "more", "schema": {"default": 3}},
                    ]
                },
            },
            "/b": operation({"in": "header", "name": "X-Tenant", "required": True, "example": "a"}),
            "/c": operation({"in": "path", "name": "x", "schema": {"$ref": "#/nowhere/at/all"}}),
        },
        "components": {"parameters": {"kind": path_parameter("kind", example="x/y")}},
    }
    first, second = templates(document)
    assert first == Template("/v2/a/{kind}", "day=mon+day", (("kind", "x/y"),))
    assert first.filled({}) == "/v2/a/x%2Fy?day=mon+day"
    assert second == Template("/v2/c")


def test_a_document_that_points_at_itself_ends() -> None:
    document = {
        "openapi": "3.1.0",
        "paths": {"/a": operation({"$ref": "#/components/a"})},
        "components": {"a": {"$ref": "#/components/a"}},
    }
    assert templates(document) == [Template("/a")]


@pytest.mark.parametrize(
    ("content", "parameter", "values"),
    [
        ([{"id": 1}, {"id": 2}, {"id": 1}], "id", ["1", "2"]),
        ({"results": [{"slug": "a", "id": 9}]}, "slug", ["a"]),
        ({"count": 1, "items": [{"id": 9, "x": 1}]}, "event_id", ["9"]),
        ({"data": [{"event_id": 4, "id": 9}]}, "event_id", ["4"]),
        ([{"name": "n"}], "pk", ["n"]),
        ([{"x": 1}, 3, None], "id", []),
        ([{"id": True}, {"id": ""}, {"id": None}], "id", []),
        ("text", "id", []),
        (None, "id", []),
    ],
)
def test_identifiers_are_read_from_lists(content: Any, parameter: str, values: list[str]) -> None:
    assert identities(content, parameter) == values
