from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command

from catalog import schema
from catalog.models import Seat

pytestmark = pytest.mark.usefixtures("season")


@pytest.mark.parametrize("path", ["/api/events/", "/api/events/4/", "/api/events/4/seats/"])
def test_an_unchanged_answer_is_not_sent_again(client, path):
    first = client.get(path)
    assert first.status_code == 200
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]


def test_a_changed_seat_changes_the_answer(client):
    tag = client.get("/api/events/4/seats/").headers["ETag"]
    Seat.objects.filter(event=4, row="A", number=1).update(state="sold")
    answer = client.get("/api/events/4/seats/", headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.json()[0]["state"] == "sold"


def test_a_seat_map_costs_one_query(client, django_assert_num_queries):
    with django_assert_num_queries(1):
        seats = client.get("/api/events/9/seats/").json()
    assert len(seats) == 873
    assert set(seats[0]) == {"id", "section", "row", "number", "price", "state", "until", "version"}


def test_an_event(client):
    event = client.get("/api/events/1/").json()
    assert event["venue"] == {"name": "Marienkai Concert Hall", "city": "Hamburg"}
    assert event["capacity"] == 511
    assert "bells" in event["description"]


@pytest.mark.parametrize("path", ["/api/events/999/", "/api/events/999/seats/", "/api/nothing/"])
def test_what_is_not_there(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_foreign_cursor(client):
    answer = client.get("/api/events/?cursor=nonsense")
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:boxoffice:bad-cursor")


def test_the_api_describes_itself_without_warnings(client):
    assert schema.view  # its import says more about the views
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO())
    assert client.get("/api/schema/").json() == {
        "catalog": "/api/catalog/schema/",
        "orders": "/api/orders/schema/",
    }
    paths = client.get("/api/catalog/schema/").json()["paths"]
    assert list(paths) == ["/api/events/", "/api/events/{event_id}/", "/api/events/{event_id}/seats/"]


def test_the_api_says_how_it_refuses(client):
    described = client.get("/api/catalog/schema/").json()
    responses = described["paths"]["/api/events/"]["get"]["responses"]
    assert list(responses) == ["200", "400", "429", "503"]
    assert responses["400"]["description"] == "not a cursor"
    for status in ("400", "429", "503"):
        assert responses[status]["content"]["application/problem+json"]["schema"] == {
            "$ref": "#/components/schemas/Problem"
        }
    assert "ProblemMistake" in described["components"]["schemas"]


def test_the_kinds_of_problems_have_pages(client):
    kind = client.get("/api/nothing/").json()["type"]
    assert kind == "/problems/not-found"
    assert "Check the address" in client.get(kind).content.decode()
