from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core import mail
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from orders import payments as payments_client
from orders.actions import holds, purchase
from orders.actions.purchase import cancel_order, place_order
from orders.models import Order, Seat, Ticket
from orders.queries import state_of

pytestmark = pytest.mark.django_db(transaction=True)


def states() -> list[str]:
    return [state_of(seat).state for seat in Seat.objects.order_by("pk")]


def lose_seats(hold) -> None:
    """The time for paying is over, and somebody else takes the seats."""
    seats = list(Seat.objects.filter(hold=hold.pk).values_list("pk", flat=True))
    Seat.objects.filter(hold=hold.pk).update(held_until=timezone.now() - timedelta(seconds=1))
    holds.hold_seats(1, seats, None)


def abandon(order: Order) -> None:
    """As if the process that worked on the order had died a minute ago."""
    past = timezone.now() - timedelta(minutes=1)
    Order.objects.filter(pk=order.pk).update(created_at=past, working_until=past)


def sweep() -> None:
    call_command("sweep", "--once", stdout=StringIO())


class TestBuying:
    def test_a_hold_becomes_a_paid_order_with_its_tickets(self, account, hold, payments):
        answer = place_order(account, "k", hold(2).pk, "good")
        order = Order.objects.get()
        assert (answer.status, answer.body["status"], answer.body["total"]) == (201, "paid", 8200)
        assert [seat["number"] for seat in answer.body["seats"]] == [1, 2]
        assert answer.body["charge"] == str(order.charge)
        assert states()[:3] == ["sold", "sold", "free"]
        assert (Ticket.objects.count(), payments.balance) == (2, 8200)

    def test_a_repeat_gets_the_same_answer_and_costs_nothing(self, account, hold, payments):
        taken = hold()
        first = place_order(account, "k", taken.pk, "good")
        second = place_order(account, "k", taken.pk, "good")
        assert (second.status, second.body, second.replayed) == (201, first.body, True)
        assert (Order.objects.count(), payments.charges) == (1, ["succeeded"])

    def test_a_key_belongs_to_one_order(self, account, hold, payments):
        place_order(account, "k", hold().pk, "good")
        with pytest.raises(purchase.KeyReused):
            place_order(account, "k", hold().pk, "good")

    def test_two_accounts_may_use_the_same_key(self, account, hold, payments):
        other = purchase.Account.objects.create(email="bob@example.org", password="x")
        place_order(account, "k", hold().pk, "good")
        assert place_order(other, "k", hold().pk, "good").status == 201

    def test_a_hold_is_bought_once(self, account, hold, payments):
        taken = hold()
        place_order(account, "one", taken.pk, "good")
        with pytest.raises(purchase.HoldInUse):
            place_order(account, "two", taken.pk, "good")
        assert payments.balance == 4100

    def test_a_hold_of_somebody_else_is_as_good_as_none(self, account, hold, payments):
        other = purchase.Account.objects.create(email="bob@example.org", password="x")
        with pytest.raises(purchase.HoldGone):
            place_order(account, "k", hold(1, owner=other).pk, "good")

    def test_a_hold_that_has_run_out_costs_nothing(self, account, hold, payments):
        taken = hold()
        Seat.objects.filter(hold=taken.pk).update(held_until=timezone.now())
        with pytest.raises(purchase.HoldGone):
            place_order(account, "k", taken.pk, "good")
        assert payments.charges == []

    def test_the_bought_hold_cannot_be_released(self, account, hold, payments):
        taken = hold()
        place_order(account, "k", taken.pk, "good")
        with pytest.raises(holds.HoldInUse):
            holds.release_hold(taken.pk)
        assert states()[0] == "sold"


class TestTheBankSaysNo:
    def test_the_seats_go_back_to_the_hold_and_another_card_may_pay(self, account, hold, payments):
        taken = hold()
        until = taken.expires_at
        first = place_order(account, "one", taken.pk, "declined")
        assert (first.status, first.body["type"]) == (402, "urn:boxoffice:declined")
        assert Seat.objects.get(pk=1000).held_until == until
        assert place_order(account, "one", taken.pk, "declined").replayed
        assert place_order(account, "two", taken.pk, "good").status == 201
        assert payments.charges == ["declined", "succeeded"]


class TestTheBankIsSilent:
    def test_the_order_stays_pending_with_its_seats_and_a_repeat_finishes_it(self, account, hold, payments):
        taken = hold()
        with pytest.raises(payments_client.OutcomeUnknown):
            place_order(account, "k", taken.pk, "silent")
        assert (Order.objects.get().status, states()[0], payments.balance) == ("pending", "held", 4100)
        answer = place_order(account, "k", taken.pk, "silent")
        assert (answer.status, answer.replayed) == (201, False)
        assert (payments.charges, payments.balance) == (["succeeded"], 4100)

    def test_payments_cannot_be_reached_and_comes_back(self, account, hold, payments, monkeypatch):
        taken = hold()
        with monkeypatch.context() as away:
            away.setenv("MAINSTAY_URL_PAYMENTS", "http://127.0.0.1:9")
            with pytest.raises(payments_client.OutcomeUnknown):
                place_order(account, "k", taken.pk, "good")
        assert payments.charges == []
        assert place_order(account, "k", taken.pk, "good").status == 201

    def test_seats_that_were_lost_meanwhile_cost_nothing(self, account, hold, payments):
        taken = hold()
        with pytest.raises(payments_client.OutcomeUnknown):
            place_order(account, "k", taken.pk, "silent")
        assert payments.balance == 4100
        lose_seats(taken)
        answer = place_order(account, "k", taken.pk, "silent")
        assert (answer.status, Order.objects.get().status, payments.balance) == (410, "expired", 0)
        assert place_order(account, "k", taken.pk, "silent").replayed

    def test_seats_lost_while_the_card_is_charged_cost_nothing(self, account, hold, payments, monkeypatch):
        taken = hold()
        charge = payments_client.charge

        def charge_and_lose(*arguments):
            made = charge(*arguments)
            lose_seats(taken)
            return made

        monkeypatch.setattr(payments_client, "charge", charge_and_lose)
        answer = place_order(account, "k", taken.pk, "good")
        assert (answer.status, payments.balance, Ticket.objects.count()) == (410, 0, 0)

    def test_the_hold_of_a_pending_order_cannot_be_released(self, account, hold, payments):
        taken = hold()
        with pytest.raises(payments_client.OutcomeUnknown):
            place_order(account, "k", taken.pk, "silent")
        with pytest.raises(holds.HoldInUse):
            holds.release_hold(taken.pk)


class TestSweeping:
    """What a killed process leaves behind is finished by another."""

    def test_a_charged_order_gets_its_seats(self, account, hold, payments, monkeypatch):
        def die(*arguments):
            raise KeyboardInterrupt

        with monkeypatch.context() as killed:
            killed.setattr(purchase, "_confirm", die)
            with pytest.raises(KeyboardInterrupt):
                place_order(account, "k", hold().pk, "good")
        assert (Order.objects.get().status, payments.balance) == ("pending", 4100)
        sweep()
        assert Order.objects.get().status == "pending", "somebody may still be working on it"
        abandon(Order.objects.get())
        sweep()
        assert (Order.objects.get().status, states()[0], payments.charges) == ("paid", "sold", ["succeeded"])

    def test_a_cancellation_is_finished(self, account, hold, payments):
        place_order(account, "k", hold().pk, "good")
        order = Order.objects.get()
        payments.weather("failing")
        with pytest.raises(payments_client.OutcomeUnknown):
            cancel_order(account, order.pk)
        assert (Order.objects.get().status, states()[0]) == ("cancelling", "sold")
        abandon(order)
        sweep()
        assert Order.objects.get().status == "cancelling"
        payments.weather("fair")
        sweep()
        assert (Order.objects.get().status, states()[0], payments.balance) == ("cancelled", "free", 0)

    def test_holds_that_ran_out_are_tidied(self, hold):
        taken = hold(2)
        Seat.objects.filter(hold=taken.pk).update(held_until=timezone.now())
        sweep()
        assert not Seat.objects.filter(hold__isnull=False).exists()


class TestCancelling:
    def test_money_and_seats_go_back_once(self, account, hold, payments):
        place_order(account, "k", hold(2).pk, "good")
        order = Order.objects.get()
        for _ in range(2):
            assert cancel_order(account, order.pk).status == "cancelled"
        assert (payments.balance, set(states())) == (0, {"free"})
        assert payments.ask("SELECT count(*) FROM payments_refund") == [(1,)]

    def test_the_seats_can_be_sold_again(self, account, hold, payments, seats):
        place_order(account, "k", hold().pk, "good")
        cancel_order(account, Order.objects.get().pk)
        again = holds.hold_seats(1, seats[:1], None)
        assert place_order(account, "again", again.pk, "good").status == 201
        assert Ticket.objects.filter(seat=seats[0]).count() == 2

    def test_only_paid_orders_of_ones_own(self, account, hold, payments):
        place_order(account, "k", hold().pk, "declined")
        order = Order.objects.get()
        with pytest.raises(purchase.NotCancellable):
            cancel_order(account, order.pk)
        with pytest.raises(Order.DoesNotExist):
            cancel_order(purchase.Account(pk=999), order.pk)


class TestTogether:
    def test_the_same_key_eight_times_is_one_order_and_one_charge(self, account, hold, payments, together):
        taken = hold(2)
        results = together(8, lambda _: place_order(account, "k", taken.pk, "good"))
        answers = [result for result in results if isinstance(result, purchase.Answer)]
        others = [result for result in results if not isinstance(result, purchase.Answer)]
        assert answers
        assert {answer.status for answer in answers} == {201}
        assert all(isinstance(other, purchase.StillRunning) for other in others), others
        assert (Order.objects.count(), payments.charges, payments.balance) == (1, ["succeeded"], 8200)

    def test_without_the_lease_several_would_ask_payments(
        self, account, hold, payments, together, monkeypatch
    ):
        """The mutant of the test above: the bank's own key still keeps the money right."""
        monkeypatch.setattr(purchase, "_resume", lambda order: None)
        asked = []
        charge = payments_client.charge
        monkeypatch.setattr(
            payments_client, "charge", lambda *arguments: asked.append(1) or charge(*arguments)
        )
        taken = hold()
        together(8, lambda _: place_order(account, "k", taken.pk, "slow"))
        assert len(asked) > 1
        assert payments.balance == 4100

    def test_eight_keys_for_one_hold_are_one_order(self, account, hold, payments, together):
        taken = hold()
        results = together(8, lambda index: place_order(account, f"k{index}", taken.pk, "good"))
        assert sum(isinstance(result, purchase.Answer) for result in results) == 1
        assert all(isinstance(r, purchase.Answer | purchase.HoldInUse | purchase.HoldGone) for r in results)
        assert (payments.balance, states()[0]) == (4100, "sold")


class TestTheDatabaseItself:
    """The last line: what the code promises, the constraints enforce."""

    def sell_twice(self, account, seat: int) -> None:
        for key in "ab":
            order = Order.objects.create(
                account=account,
                key=key,
                fingerprint="",
                event=1,
                hold="00000000-0000-0000-0000-00000000000" + str(ord(key) % 10),
                card="good",
                total=1,
            )
            Ticket.objects.create(order=order, seat_id=seat)

    def test_a_seat_has_one_ticket(self, account, seats):
        with pytest.raises(IntegrityError, match="ticket_sells_a_seat_once"):
            self.sell_twice(account, seats[0])

    def test_without_the_constraint_it_could_have_two(self, account, seats):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DROP INDEX ticket_sells_a_seat_once")
            self.sell_twice(account, seats[0])
            transaction.set_rollback(True)

    def test_a_hold_binds_one_order(self, account, seats):
        values = {"account": account, "fingerprint": "", "event": 1, "card": "good", "total": 1}
        one = Order.objects.create(key="a", hold="00000000-0000-0000-0000-000000000001", **values)
        with pytest.raises(IntegrityError, match="order_binds_its_hold_alone"):
            Order.objects.create(key="b", hold=one.hold, **values)

    def test_a_paid_order_has_a_charge(self, account):
        with pytest.raises(IntegrityError, match="order_paid_has_a_charge"):
            Order.objects.create(
                account=account,
                key="a",
                fingerprint="",
                event=1,
                hold="00000000-0000-0000-0000-000000000001",
                card="good",
                total=1,
                status="paid",
            )


def test_the_tickets_are_mailed_by_the_worker(account, hold, payments):
    place_order(account, "k", hold(2).pk, "good")
    assert mail.outbox == []
    call_command("db_worker", "--batch", "--no-startup-delay", stdout=StringIO())
    [message] = mail.outbox
    assert message.to == ["ada@example.org"]
    assert "row A, seat 1 " in message.body
    assert "row A, seat 2 " in message.body


def test_a_declined_order_mails_nothing(account, hold, payments):
    place_order(account, "k", hold().pk, "declined")
    call_command("db_worker", "--batch", "--no-startup-delay", stdout=StringIO())
    assert mail.outbox == []
