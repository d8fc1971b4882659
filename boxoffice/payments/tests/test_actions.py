from __future__ import annotations

import threading
from uuid import uuid4

import pytest
from django.db import connection

from payments import actions, bank
from payments.models import Charge, LedgerEntry, Refund, Weather

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def impatient(settings):
    """A silent bank is waited for as long as a test wants to."""
    settings.BANK_PATIENCE = settings.BANK_SLOWNESS = 0.01


def charge(key="k", *, card="good", amount=4100, order=None):
    return actions.charge_card(key, order=order or uuid4(), amount=amount, currency="EUR", card=card)


def booked() -> int:
    """What the bank has moved, in cents."""
    return sum(LedgerEntry.objects.filter(accepted=True).values_list("amount", flat=True))


def test_a_good_card_is_charged():
    made, repeated = charge()
    assert (made.status, repeated, booked()) == ("succeeded", False, 4100)


def test_the_same_key_charges_once():
    order = uuid4()
    first, _ = charge(order=order)
    second, repeated = charge(order=order)
    assert (first.pk, repeated, booked()) == (second.pk, True, 4100)


@pytest.mark.parametrize("other", [{"amount": 1}, {"card": "declined"}, {"order": uuid4()}])
def test_a_key_cannot_be_used_for_something_else(other):
    order = uuid4()
    charge(order=order)
    with pytest.raises(actions.KeyReused):
        charge(**({"order": order} | other))


def test_an_order_cannot_be_charged_under_a_second_key():
    order = uuid4()
    charge("one", order=order)
    with pytest.raises(actions.KeyReused):
        charge("two", order=order)
    assert booked() == 4100


def test_a_declined_card_moves_nothing():
    made, _ = charge(card="declined")
    assert (made.status, booked()) == ("declined", 0)


def test_a_failing_bank_leaves_the_charge_pending_and_a_repeat_settles_it():
    order = uuid4()
    actions.change_weather("failing", None)
    with pytest.raises(bank.BankFailed):
        charge(order=order)
    assert (Charge.objects.get().status, booked()) == ("pending", 0)
    actions.change_weather("fair", None)
    made, repeated = charge(order=order)
    assert (made.status, repeated, booked()) == ("succeeded", False, 4100)


def test_a_silent_bank_has_taken_the_money_and_a_repeat_learns_it_without_taking_more():
    order = uuid4()
    with pytest.raises(bank.BankSilent):
        charge(order=order, card="silent")
    assert (Charge.objects.get().status, booked()) == ("pending", 4100)
    made, _ = charge(order=order, card="silent")
    assert (made.status, booked()) == ("succeeded", 4100)


def test_weather_passes():
    actions.change_weather("failing", -1)
    assert charge()[0].status == "succeeded"


def test_the_environment_sets_the_climate(monkeypatch):
    monkeypatch.setenv("BOXOFFICE_BANK", Weather.Mode.FAILING)
    with pytest.raises(bank.BankFailed):
        charge()


def test_a_charge_is_refunded_once():
    made, _ = charge()
    first = actions.refund_charge(made)
    second = actions.refund_charge(Charge.objects.get())
    assert (first.pk, second.status, booked()) == (second.pk, Refund.Status.SUCCEEDED, 0)


def test_what_was_declined_is_not_refunded():
    made, _ = charge(card="declined")
    with pytest.raises(actions.NotCharged):
        actions.refund_charge(made)


def test_a_refund_that_the_bank_was_silent_about_is_booked_once():
    made, _ = charge()
    actions.change_weather("silent", None)
    with pytest.raises(bank.BankSilent):
        actions.refund_charge(made)
    actions.change_weather("fair", None)
    actions.refund_charge(Charge.objects.get())
    assert booked() == 0


def test_voiding_stops_a_charge_that_arrives_later():
    order = uuid4()
    actions.void_charge("k", order=order)
    made, _ = charge(order=order)
    assert (made.status, booked()) == ("void", 0)


def test_voiding_gives_back_what_was_taken():
    order = uuid4()
    charge(order=order)
    actions.void_charge("k", order=order)
    actions.void_charge("k", order=order)
    assert booked() == 0


def test_voiding_settles_what_is_pending_first():
    order = uuid4()
    with pytest.raises(bank.BankSilent):
        charge(order=order, card="silent")
    actions.void_charge("k", order=order)
    assert (Charge.objects.get().status, booked()) == ("succeeded", 0)


@pytest.mark.django_db(transaction=True)
def test_eight_requests_at_once_charge_once():
    order, answers = uuid4(), []
    start = threading.Barrier(8)

    def ask():
        start.wait()
        try:
            answers.append(charge(order=order)[0].status)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["succeeded"] * 8
    assert (Charge.objects.count(), LedgerEntry.objects.count(), booked()) == (1, 1, 4100)
