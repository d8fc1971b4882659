from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from orders.inventory import places
from orders.models import Seat

COLUMNS = "id, event, section, row, number, price, version"


class Command(BaseCommand):
    help = "Fill in the seats of events 1 to N; the catalogue's command of the same name makes the events themselves."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--events", type=int, default=12, help="how many events there shall be")
        parser.add_argument("--if-empty", action="store_true", help="do nothing when there are seats")

    def handle(self, *, events: int, if_empty: bool, **options: Any) -> None:
        if not 1 <= events <= 100_000:
            raise CommandError("--events takes a number from 1 to 100000")
        started = time.monotonic()
        with transaction.atomic():
            present = self._present()
            if if_empty and present:
                return
            count = self._copy(range(present + 1, events + 1))
        self.stdout.write(
            f"{count} seats of {max(events - present, 0)} events in {time.monotonic() - started:.1f} s"
        )

    def _present(self) -> int:
        """The number of events that have seats; one filler at a time."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('orders.seed'))")
        last = Seat.objects.order_by("-pk").values_list("event", flat=True).first()
        return last or 0

    def _copy(self, events: range) -> int:
        count = 0
        table = connection.ops.quote_name(Seat._meta.db_table)
        with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({COLUMNS}) FROM STDIN") as copy:
            for event in events:
                rows = [
                    f"{place.id}\t{event}\t{place.section}\t{place.row}\t{place.number}\t{place.price}\t0\n"
                    for place in places(event)
                ]
                copy.write("".join(rows))
                count += len(rows)
        return count
