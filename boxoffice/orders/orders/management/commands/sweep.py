from __future__ import annotations

import logging
import signal
import threading
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections

from orders import notify, payments
from orders.actions.holds import clear_expired_holds
from orders.actions.purchase import StillRunning, resume_order
from orders.queries import unfinished_orders

logger = logging.getLogger(__name__)

PATIENCE = timedelta(seconds=20)
"""A buyer's own repeat comes first; after this an order is finished without one."""


class Command(BaseCommand):
    help = "Tidy holds that ran out and finish orders that were interrupted, again and again."
    requires_system_checks = ()  # they import every view; the web processes check the same project

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=float, default=2.0, help="seconds between two rounds")
        parser.add_argument("--once", action="store_true", help="one round, then end")

    def handle(self, *, every: float, once: bool, **options: Any) -> None:
        leave = threading.Event()
        if not once:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: leave.set())
        while True:
            self.sweep()
            if once or leave.wait(every):
                break
        notify.flush(2.0)

    def sweep(self) -> None:
        """One round; a database that is away for a moment is no reason to die."""
        close_old_connections()
        try:
            while clear_expired_holds():
                pass
            for order_id in unfinished_orders(PATIENCE).values_list("pk", flat=True)[:100]:
                self.finish(order_id)
        except DatabaseError as error:
            logger.warning("this round of sweeping failed: %s", error)

    def finish(self, order_id: Any) -> None:
        try:
            resume_order(order_id)
        except StillRunning:
            return
        except payments.OutcomeUnknown as error:
            logger.warning("order %s is still not settled: %s", order_id, error)
