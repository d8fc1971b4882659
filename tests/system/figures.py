"""``python -m tests.system.figures``: start, size, faults of the reference system, as figures."""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.system import scenarios
from tests.system.running import Running, boxoffice
from tests.system.scenarios import Seen

SERVICES = ("catalog", "orders", "payments")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--edge", choices=("haproxy", "nginx"), action="append")
    options.add_argument("--only", action="append", help="a part of a scenario's name")
    chosen = options.parse_args()
    for edge in chosen.edge or ("haproxy", "nginx"):
        with tempfile.TemporaryDirectory() as folder:
            measure(boxoffice(Path(folder) / "boxoffice", edge=edge), edge, chosen.only or [""])


def measure(system: Running, edge: str, only: list[str]) -> None:
    """Print every figure of one system; it is gone afterwards."""
    try:
        print(f"{edge}\n  first start s {system.up():.2f}", flush=True)
        print(f"  down s {system.down():.2f}; again up s {system.up():.2f}", flush=True)
        told = json.loads(system.mainstay("status", "--json").stdout)
        size = sum(row["memory"] for row in told["processes"])
        print(f"  proportional set size MB {size / 1e6:.0f}", flush=True)
        for name, scenario in plan(system).items():
            if any(part in name for part in only):
                seen = asyncio.run(scenario())
                lost = asyncio.run(seen.buyers.missing())
                print(
                    f"{edge}: {name}\n{seen}; acknowledged {len(seen.buyers.acknowledged)}, lost {len(lost)}",
                    flush=True,
                )
                for _, failure in (seen.reads.failures + seen.orders.failures)[:5]:
                    print(f"    failed: {failure}", flush=True)
                for refusal in (seen.buyers.raw_failures + seen.buyers.refused)[:4]:
                    print(f"    refused: {refusal}", flush=True)
    finally:
        system.end()


def plan(system: Running) -> dict[str, Callable[[], Awaitable[Seen]]]:
    async def roll() -> Seen:
        return await scenarios.rolled_out(system, SERVICES)

    async def roll_long() -> Seen:
        return await scenarios.rolled_out(system, SERVICES * 5, reads=150, orders=2)

    return {
        "replica killed": lambda: scenarios.replica_killed(system, "catalog.web.1"),
        "replica paused": lambda: scenarios.replica_paused(system, "catalog.web.2"),
        "orders replica killed": lambda: scenarios.replica_killed(system, "orders.web.1"),
        "orders replica paused": lambda: scenarios.replica_paused(system, "orders.web.2"),
        "rollout": roll,
        "five long updates": roll_long,
        "primary killed": lambda: scenarios.primary_killed(system),
        "primary killed again": lambda: scenarios.primary_killed(system),
    }


if __name__ == "__main__":
    main()
