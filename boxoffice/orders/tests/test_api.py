from __future__ import annotations

from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.utils import timezone

from orders import schema
from orders.actions.purchase import place_order
from orders.models import Account, Order, Seat, Token

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse 9"


@pytest.fixture
def post(client):
    def send(path, body=None, **headers):
        return client.post(path, body or {}, content_type="application/json", headers=headers)

    return send


@pytest.fixture
def signed_in(post, account):
    """The headers of Ada's requests."""
    token = post("/api/tokens/", {"email": account.email, "password": PASSWORD}).json()["token"]
    return {"Authorization": f"Bearer {token}"}


def problem(answer) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code
    return answer.status_code, answer.json()["type"].removeprefix("urn:boxoffice:").removeprefix("/problems/")


class TestAccounts:
    def test_an_account_is_signed_in_at_once(self, post, client):
        answer = post("/api/accounts/", {"email": "Bob@Example.org", "password": PASSWORD})
        assert answer.status_code == 201
        token = answer.json()["token"]
        assert client.get("/api/orders/", headers={"Authorization": f"Bearer {token}"}).status_code == 200

    def test_neither_password_nor_token_is_kept(self, post):
        token = post("/api/accounts/", {"email": "bob@example.org", "password": PASSWORD}).json()["token"]
        assert PASSWORD not in Account.objects.get().password
        assert Token.objects.get().digest != token

    def test_an_address_is_used_once_in_any_spelling(self, post, account):
        answer = post("/api/accounts/", {"email": account.email.upper(), "password": PASSWORD})
        assert problem(answer) == (409, "email-taken")

    @pytest.mark.parametrize("password", ["short", "password123", "ada@example.org"])
    def test_weak_passwords_are_refused(self, post, password):
        answer = post("/api/accounts/", {"email": "ada@example.org", "password": password})
        assert problem(answer) == (400, "invalid")
        assert {each["pointer"] for each in answer.json()["errors"]} == {"/password"}

    @pytest.mark.parametrize("given", [{"password": "wrong horse 10"}, {"email": "nobody@example.org"}])
    def test_wrong_credentials_are_not_told_apart(self, post, account, given):
        answer = post("/api/tokens/", {"email": account.email, "password": PASSWORD} | given)
        assert problem(answer) == (401, "wrong-credentials")

    def test_guessing_a_password_is_slowed_down(self, post, account):
        """Per account, in any spelling; other accounts and the address they come from are not affected."""
        wrong = {"email": account.email.upper(), "password": "wrong horse 10"}
        assert [post("/api/tokens/", wrong).status_code for _ in range(21)] == [401] * 20 + [429]
        refused = post("/api/tokens/", {"email": account.email, "password": PASSWORD})
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) <= 3
        assert post("/api/tokens/", wrong | {"email": "bob@example.org"}).status_code == 401

    def test_signing_out_ends_the_token(self, client, signed_in):
        assert client.delete("/api/tokens/current/", headers=signed_in).status_code == 204
        assert client.get("/api/orders/", headers=signed_in).status_code == 401

    def test_an_old_token_is_no_token(self, client, signed_in):
        Token.objects.update(expires_at=timezone.now())
        assert client.get("/api/orders/", headers=signed_in).status_code == 401


class TestHolds:
    def test_anybody_can_hold_look_and_give_back(self, post, client, seats):
        made = post("/api/holds/", {"event": 1, "seats": seats[:2]})
        assert made.status_code == 201
        path = f"/api/holds/{made.json()['id']}/"
        assert client.get(path).json() == made.json()
        assert client.delete(path).status_code == 204
        assert client.get(path).status_code == 404

    def test_taken_seats_are_named(self, post, seats, hold):
        hold(1)
        answer = post("/api/holds/", {"event": 1, "seats": seats[:2]})
        assert problem(answer) == (409, "seats-taken")
        assert answer.json()["taken"] == [{"id": 1000, "row": "A", "number": 1}]
        assert answer.json()["detail"] == "Seat A1 was just taken."

    @pytest.mark.parametrize(
        "body",
        [{}, {"event": 1, "seats": []}, {"event": 1, "seats": list(range(1, 10))}, {"event": "x", "seats": [1]},
         {"event": 1, "seats": [1], "sheets": 2}, {"event": 1, "seats": [2**70]}],
    )  # fmt: skip
    def test_mistakes_are_named(self, post, body):
        assert problem(post("/api/holds/", body)) == (400, "invalid")

    def test_unknown_seats_are_named(self, post, seats):
        answer = post("/api/holds/", {"event": 1, "seats": [1, seats[0]]})
        assert problem(answer) == (400, "unknown-seats")
        assert answer.json()["seats"] == [1]


class TestOrders:
    def buy(self, post, signed_in, hold, key="k", **more):
        return post("/api/orders/", {"hold": str(hold.pk), **more}, **signed_in, **{"Idempotency-Key": key})

    def test_buying_repeating_reading_cancelling(self, post, client, signed_in, hold, payments):
        taken = hold(2)
        first, second = (self.buy(post, signed_in, taken) for _ in range(2))
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json() == second.json()
        assert "Idempotency-Replayed" not in first.headers
        assert second.headers["Idempotency-Replayed"] == "true"
        path = f"/api/orders/{first.json()['id']}/"
        assert client.get(path, headers=signed_in).json() == first.json()
        cancelled = post(f"{path}cancel/", **signed_in)
        assert cancelled.json() == {**first.json(), "status": "cancelled"}

    def test_a_key_is_asked_for(self, post, signed_in, hold):
        assert problem(self.buy(post, signed_in, hold(), key="")) == (400, "key-missing")
        assert problem(self.buy(post, signed_in, hold(), key="k" * 201)) == (400, "key-missing")

    def test_declined_and_repeated(self, post, signed_in, hold, payments):
        taken = hold()
        for replayed in (None, "true"):
            answer = self.buy(post, signed_in, taken, card="declined")
            assert problem(answer) == (402, "declined")
            assert answer.headers.get("Idempotency-Replayed") == replayed

    def test_another_payload_under_the_same_key(self, post, signed_in, hold, payments):
        taken = hold()
        self.buy(post, signed_in, taken)
        assert problem(self.buy(post, signed_in, taken, card="declined")) == (422, "key-reused")

    def test_no_answer_from_the_bank(self, post, signed_in, hold, payments):
        payments.weather("failing")
        answer = self.buy(post, signed_in, hold())
        assert problem(answer) == (503, "outcome-unknown")
        assert int(answer.headers["Retry-After"]) > 0

    def test_while_another_request_works_on_it(self, post, signed_in, hold, payments):
        taken = hold()
        payments.weather("failing")
        self.buy(post, signed_in, taken)
        Order.objects.update(working_until=timezone.now() + timedelta(seconds=5))
        answer = self.buy(post, signed_in, taken)
        assert problem(answer) == (409, "still-running")
        assert int(answer.headers["Retry-After"]) > 0

    def test_a_hold_that_is_gone(self, post, signed_in, seats, payments):
        answer = post("/api/orders/", {"hold": str(uuid4())}, **signed_in, **{"Idempotency-Key": "k"})
        assert problem(answer) == (410, "hold-expired")

    def test_strangers_are_refused(self, post, client):
        assert problem(client.get("/api/orders/")) == (401, "not-authenticated")
        answer = post("/api/orders/", {}, Authorization="Bearer guess")
        assert problem(answer) == (401, "authentication-failed")

    def test_orders_of_others_do_not_exist(self, client, signed_in, hold, payments):
        other = Account.objects.create(email="bob@example.org", password="x")
        place_order(other, "k", hold().pk, "good")
        path = f"/api/orders/{Order.objects.get().pk}/"
        assert client.get(path, headers=signed_in).status_code == 404

    def test_the_list_costs_the_same_for_one_order_and_for_four(
        self, client, account, signed_in, hold, payments, django_assert_num_queries
    ):
        for count in (1, 3):
            for _ in range(count):
                place_order(account, str(uuid4()), hold().pk, "good")
            with django_assert_num_queries(3):  # token with account, orders, seats
                client.get("/api/orders/", headers=signed_in)


class TestInside:
    def test_the_truth_about_an_event(self, client, internal, hold, seats):
        taken = hold(1)
        answer = client.get("/internal/seats/?event=1", headers=internal).json()
        assert answer == {"seats": [[1000, "held", taken.expires_at.isoformat(), 1]]}
        assert client.get("/internal/seats/?event=2", headers=internal).json() == {"seats": []}

    def test_strangers_are_refused(self, client):
        assert client.get("/internal/seats/?event=1").status_code == 403

    @pytest.mark.parametrize("event", ["", "x", "-1", "9" * 12])
    def test_mistakes_are_named(self, client, internal, event):
        assert client.get(f"/internal/seats/?event={event}", headers=internal).status_code == 400


def test_holding_and_buying_cost_a_known_number_of_queries(
    post, signed_in, seats, payments, django_assert_max_num_queries
):
    with django_assert_max_num_queries(6):  # transaction, lock, hold, seats
        made = post("/api/holds/", {"event": 1, "seats": seats[:8]})
    with django_assert_max_num_queries(30):
        post("/api/orders/", {"hold": made.json()["id"]}, **signed_in, **{"Idempotency-Key": "k"})
    assert Seat.objects.filter(order__isnull=False).count() == 8


def test_the_api_describes_itself_without_warnings():
    assert schema.view  # its import says more about the views
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO())


def test_the_schema_is_served(client):
    schema = client.get("/api/orders/schema/").json()
    assert "/api/orders/{order_id}/cancel/" in schema["paths"]
    assert not any(path.startswith("/internal/") for path in schema["paths"])


def test_admin_asks_for_a_sign_in(client):
    assert client.get("/admin/orders/order/").status_code == 302


def test_the_api_says_how_it_refuses(client):
    paths = client.get("/api/orders/schema/").json()["paths"]
    buying = paths["/api/orders/"]["post"]["responses"]
    assert {"201", "400", "401", "402", "403", "409", "410", "422", "429", "503"} == set(buying)
    assert "401" not in paths["/api/accounts/"]["post"]["responses"]
    assert "404" in paths["/api/orders/{order_id}/"]["get"]["responses"]
