from __future__ import annotations

from uuid import uuid4

import pytest

from payments.models import Charge

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def impatient(settings):
    settings.BANK_PATIENCE = settings.BANK_SLOWNESS = 0.01


@pytest.fixture
def post(client, internal):
    def send(path, body, key="k", headers=internal):
        more = {"Idempotency-Key": key} if key else {}
        return client.post(path, body, content_type="application/json", headers={**headers, **more})

    return send


def body(**changes):
    return {"order": str(uuid4()), "amount": 4100, "card": "good"} | changes


def test_charging_and_repeating(post):
    given = body()
    first, second = post("/api/charges/", given), post("/api/charges/", given)
    assert (first.status_code, second.status_code) == (201, 201)
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert first.json() == second.json()


@pytest.mark.parametrize(
    ("card", "status", "kind"),
    [("declined", 402, None), ("failing", 503, "bank-failed"), ("silent", 504, "bank-silent")],
)
def test_what_the_bank_does_shows_in_the_status(post, card, status, kind):
    answer = post("/api/charges/", body(card=card))
    assert answer.status_code == status
    if kind:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["type"] == f"urn:boxoffice:{kind}"


def test_refund_and_void(post, client, internal):
    charge = post("/api/charges/", body()).json()
    assert post(f"/api/charges/{charge['id']}/refund/", {}).json()["refunded"] is True
    assert client.get(f"/api/charges/{charge['id']}/", headers=internal).json()["refunded"] is True
    assert post("/api/voids/", {"order": str(uuid4())}, key="v").json()["status"] == "void"


def test_a_charge_that_took_nothing_cannot_be_refunded(post):
    post("/api/charges/", body(card="declined"))
    assert post(f"/api/charges/{Charge.objects.get().pk}/refund/", {}).status_code == 409
    assert post(f"/api/charges/{uuid4()}/refund/", {}).status_code == 404


def test_mistakes_are_named(post):
    assert post("/api/charges/", body(), key="").json()["type"] == "urn:boxoffice:key-missing"
    answer = post("/api/charges/", body(amount=0))
    assert answer.status_code == 400
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/amount"]
    post("/api/charges/", body())
    assert post("/api/charges/", body(amount=7)).status_code == 422


@pytest.mark.parametrize(
    "given", [{}, {"Mainstay-Internal-Token": "guess"}, {"Mainstay-Internal-Token": "ü"}]
)
def test_strangers_are_refused(post, given):
    assert post("/api/charges/", body(), headers=given).status_code == 403
    assert not Charge.objects.exists()


def test_without_a_configured_token_everybody_is_a_stranger(post, settings):
    settings.INTERNAL_TOKEN = ""
    assert post("/api/charges/", body(), headers={"Mainstay-Internal-Token": ""}).status_code == 403


def test_the_weather_can_be_changed(post):
    assert post("/internal/bank/", {"mode": "failing", "seconds": 30}).status_code == 200
    assert post("/api/charges/", body()).status_code == 503
    assert post("/internal/bank/", {"mode": "stormy"}).status_code == 400
