"""
A simulated bank: another company, reached over a line that can be slow, fail or fall silent.

It keeps its own ledger and never books one reference twice, as real banks promise.
What it does is chosen by the card, by ``BOXOFFICE_BANK`` in the environment, or for a
while by ``POST /internal/bank/`` (see `actions.change_weather`):

- ``fair``: books and answers at once; the card ``declined`` is refused;
- ``slow``: the same after a pause;
- ``failing``: answers with an error and books nothing;
- ``silent``: books, and the answer never arrives. The card ``silent`` does so once per
  reference: whoever asks again learns what happened.
"""

from __future__ import annotations

import os
import time

from django.conf import settings
from django.utils import timezone

from payments.models import LedgerEntry, Weather


class BankFailed(Exception):
    """The bank said that it could not work; nothing was booked."""


class BankSilent(Exception):
    """No answer came in time; whether the money moved is unknown."""


def book(reference: str, amount: int, card: str) -> bool:
    """
    Move money and say whether the bank agreed; the same reference moves it once.

    Raises:
        BankFailed: Nothing was booked.
        BankSilent: Something may have been booked; ask again with the same reference.
    """
    mode = _mode(card)
    if mode == Weather.Mode.FAILING:
        raise BankFailed
    if mode == Weather.Mode.SLOW:
        time.sleep(settings.BANK_SLOWNESS)
    entry, first = LedgerEntry.objects.get_or_create(
        reference=reference, defaults={"amount": amount, "accepted": card != "declined"}
    )
    if mode == Weather.Mode.SILENT and (first or card != "silent"):
        time.sleep(settings.BANK_PATIENCE)
        raise BankSilent
    return entry.accepted


def _mode(card: str) -> str:
    if card in Weather.Mode.values:
        return card
    weather = Weather.objects.first()
    if weather and (weather.until is None or weather.until > timezone.now()):
        return weather.mode
    return os.environ.get("BOXOFFICE_BANK", Weather.Mode.FAIR)
