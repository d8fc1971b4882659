"""
Show what the fast handler makes of ``MIDDLEWARE``: native or as in Django, why, and what it costs.

Costs are measured here and now, with requests that only exist in this process. The project's
own middleware are not run unless asked for, because nobody knows what they do.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from mainstay.base.errors import InvalidInput
from mainstay.http.handler.chain import FastHandler
from mainstay.http.handler.measuring import Cost, measure
from mainstay.http.handler.native import Handling

HEAD = ("middleware", "form", "WSGI µs", "in Django", "ASGI µs", "in Django", "why not native")
LEAST = 0.1
"""Microseconds that can be told from none."""


class Command(BaseCommand):
    help = "Show which middleware run natively, which as in Django, why, and what each costs."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-cost", action="store_true", help="Measure nothing.")
        all_of = "Also run and measure the middleware that are not native, as often as the others."
        parser.add_argument("--all", action="store_true", help=all_of)
        parser.add_argument("--json", action="store_true", help="Print one JSON list.")

    def handle(self, *args: Any, **options: Any) -> None:
        handled = _handled()
        costs: dict[str, Cost] = {}
        if not options["no_cost"]:
            costs = _costs([each for each in handled if each.used and (each.native or options["all"])])
        if options["json"]:
            rows = [asdict(each) | {"cost": _cost_json(costs.get(each.path))} for each in handled]
            self.stdout.write(json.dumps(rows, indent=2))
        else:
            self.stdout.write(_table([HEAD, *(_row(each, costs.get(each.path)) for each in handled)]))


def _handled() -> tuple[Handling, ...]:
    handler = FastHandler()
    try:
        handler.load_middleware()
    except InvalidInput as error:
        raise CommandError(str(error), returncode=error.exit_code) from error
    return handler.mainstay_handling


def _costs(handled: Sequence[Handling]) -> dict[str, Cost]:
    paths = [each.path for each in handled]
    found = measure(paths, [each.path for each in handled if not each.native])
    return dict(zip(paths, found, strict=True))


def _row(each: Handling, cost: Cost | None) -> tuple[str, ...]:
    form = "native" if each.native else "adapted"
    figures = [_microseconds(value) for value in asdict(cost).values()] if cost else [""] * 4
    return (each.path, form if each.used else "left out", *figures, each.why)


def _microseconds(value: float) -> str:
    """Nothing costs nothing: what is too small to be told from the noise is said to be small."""
    return f"{value:.1f}" if value >= LEAST else f"<{LEAST:g}"


def _cost_json(cost: Cost | None) -> dict[str, float] | None:
    return {name: round(value, 2) for name, value in asdict(cost).items()} if cost else None


def _table(rows: Sequence[Sequence[str]]) -> str:
    if len(rows) == 1:
        return f"MIDDLEWARE of {settings.SETTINGS_MODULE} is empty"
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows)
    return "\n".join("  ".join(row).rstrip() for row in padded)
