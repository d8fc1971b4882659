from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest
from django.conf import settings as django_settings
from django.db import connections
from neighbor import running

from mainstay.http.limits import current
from orders.actions import accounts, holds
from orders.models import Account, Seat

django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
PASSWORD = "correct horse 9"
SEATS = 12


class Payments:
    """The real payments service, and a look into its books."""

    def __init__(self, database: str) -> None:
        self.books = psycopg.connect(database, autocommit=True)

    def ask(self, query: str) -> list[tuple]:
        return self.books.execute(query).fetchall()

    @property
    def balance(self) -> int:
        """Everything the bank has moved, in cents."""
        [(amount,)] = self.ask("SELECT coalesce(sum(amount), 0) FROM payments_ledgerentry WHERE accepted")
        return amount

    @property
    def charges(self) -> list[str]:
        return [status for (status,) in self.ask("SELECT status FROM payments_charge ORDER BY created_at")]

    def weather(self, mode: str) -> None:
        self.books.execute(
            "INSERT INTO payments_weather (id, mode) VALUES (1, %s) ON CONFLICT (id) DO UPDATE SET mode = %s",
            [mode, mode],
        )

    def forget(self) -> None:
        self.books.execute(
            "TRUNCATE payments_refund, payments_charge, payments_ledgerentry, payments_weather"
        )


@pytest.fixture(autouse=True)
def whole_budgets() -> None:
    """What one test spends of a rate limit is not missing in the next."""
    current.forget()


@pytest.fixture(scope="session")
def running_payments() -> Iterator[tuple[str, Payments]]:
    with running("payments", "wsgi") as (url, database):
        books = Payments(database)
        yield url, books
        books.books.close()


@pytest.fixture
def payments(running_payments, monkeypatch) -> Iterator[Payments]:
    url, books = running_payments
    monkeypatch.setenv("MAINSTAY_URL_PAYMENTS", url)
    books.forget()
    return books


@pytest.fixture
def seats(db) -> list[int]:
    """Twelve seats of event 1, 41 euros each."""
    rows = [
        Seat(id=1000 + index, event=1, section="Stalls", row="A", number=index + 1, price=4100)
        for index in range(SEATS)
    ]
    Seat.objects.bulk_create(rows)
    return [row.pk for row in rows]


@pytest.fixture
def account(db) -> Account:
    return accounts.open_account("ada@example.org", PASSWORD)[0]


@pytest.fixture
def hold(seats):
    """``hold(2)`` takes the next two seats for nobody in particular."""
    rest = iter(seats)

    def take(count: int = 1, owner: Account | None = None):
        return holds.hold_seats(1, list(itertools.islice(rest, count)), owner)

    return take


@pytest.fixture
def together() -> Callable[..., list]:
    """``together(8, f)``: the results, or the errors, of eight threads that begin at the same moment."""

    def run(count: int, act: Callable[[int], object]) -> list:
        results: list = [None] * count
        start = threading.Barrier(count)

        def work(index: int) -> None:
            start.wait()
            try:
                results[index] = act(index)
            except Exception as error:
                results[index] = error
            finally:
                connections.close_all()

        threads = [threading.Thread(target=work, args=(index,)) for index in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    return run
