from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from catalog.inventory import places
from catalog.models import Event, Seat, Venue
from catalog.programme import event, venues

COLUMNS = "id, event_id, section, row, number, price, state, version"


class Command(BaseCommand):
    help = "Fill in events 1 to N with venues, prices and seats; orders has a command of the same name."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--events", type=int, default=12, help="how many events there shall be")
        parser.add_argument("--if-empty", action="store_true", help="do nothing when there are events")

    def handle(self, *, events: int, if_empty: bool, **options: Any) -> None:
        if not 1 <= events <= 100_000:
            raise CommandError("--events takes a number from 1 to 100000")
        started = time.monotonic()
        with transaction.atomic():
            present = self._present()
            if if_empty and present:
                return
            Venue.objects.bulk_create(venues(), ignore_conflicts=True)
            missing = range(present + 1, events + 1)
            Event.objects.bulk_create([event(number) for number in missing], batch_size=1000)
            count = self._copy(missing)
        self.stdout.write(f"{len(missing)} events with {count} seats in {time.monotonic() - started:.1f} s")

    def _present(self) -> int:
        """The last event there is; one filler at a time."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('catalog.seed'))")
        return Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0

    def _copy(self, events: range) -> int:
        count = 0
        table = connection.ops.quote_name(Seat._meta.db_table)
        with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({COLUMNS}) FROM STDIN") as copy:
            for number in events:
                rows = [
                    f"{place.id}\t{number}\t{place.section}\t{place.row}\t{place.number}\t{place.price}\tfree\t0\n"
                    for place in places(number)
                ]
                copy.write("".join(rows))
                count += len(rows)
        return count
