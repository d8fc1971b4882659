# ruff: noqa: PT009, PT027 - the style of the runner that this module is for
"""The same service under Django's own runner: ``manage.py test``."""

from __future__ import annotations

from django.test import TestCase

from orders.actions import holds
from orders.models import Seat


class HoldTests(TestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        for number in (1, 2, 3):
            Seat.objects.create(id=number, event=1, section="Stalls", row="A", number=number, price=4100)

    def test_a_hold_keeps_others_out(self) -> None:
        holds.hold_seats(1, [1, 2], None)
        with self.assertRaises(holds.SeatsTaken) as caught:
            holds.hold_seats(1, [2, 3], None)
        self.assertEqual([seat.pk for seat in caught.exception.seats], [2])

    def test_each_test_starts_with_free_seats(self) -> None:
        self.assertFalse(Seat.objects.exclude(hold=None).exists())

    def test_holding_costs_four_statements(self) -> None:
        with self.assertNumQueries(5):  # savepoint, lock, hold, seats, release
            holds.hold_seats(1, [1, 2, 3], None)

    def test_the_api_answers(self) -> None:
        body = {"event": 1, "seats": [1]}
        answer = self.client.post("/api/holds/", body, content_type="application/json")
        self.assertEqual(answer.status_code, 201)
        answer = self.client.post("/api/holds/", body, content_type="application/json")
        self.assertEqual(answer.json()["taken"], [{"id": 1, "row": "A", "number": 1}])
