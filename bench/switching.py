"""
What it costs and saves to take the interpreter from a computing thread sooner: ``python -m bench.switching``.

Two replicas of each interface over loopback, as ``mainstay up`` starts them, one with CPython's own interval. Eight
patient clients ask for a page that computes for 20 ms, and one asks for a view that answers at once. In turns, seven
rounds, two minutes in all. Said is how long the quick view takes, how many pages are done, and the replica's own
processor time for each page, with its spread.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.overload_real import spent, start
from mainstay.ops.prove.loading.http import Http
from mainstay.ops.prove.loading.summary import percentile
from tests.integration.inside.replica import Replica

ROUNDS = 7
SECONDS = 3.0
CLIENTS = 8
USUAL = "import sys\nsys.setswitchinterval(0.00501)\n"
"""As good as CPython's own, and yet one that the project chose."""

Round = tuple[float, float, float, float]


async def measure(replica: Replica) -> Round:
    """Median and p99 of the quick view in ms, pages a second, ms of processor time for each page."""
    http = Http(f"http://127.0.0.1:{replica.port}", limit=10.0, keep_alive=True)
    end = time.monotonic() + SECONDS
    pages, quick = 0, []
    before, _ = spent(replica)

    async def heavy() -> None:
        nonlocal pages
        while time.monotonic() < end:
            answer = await http.request("GET", "/page/")
            pages += answer.status == 200

    async def light() -> None:
        while time.monotonic() < end:
            begun = time.monotonic()
            if (await http.request("GET", "/quick/")).status == 200:
                quick.append((time.monotonic() - begun) * 1000)

    await asyncio.gather(light(), *(heavy() for _ in range(CLIENTS)))
    used = spent(replica)[0] - before
    http.close()
    quick.sort()
    return median(quick), percentile(quick, 0.99), pages / SECONDS, used / pages * 1000


def told(rounds: list[Round]) -> str:
    names = ("quick p50", "p99", "pages/s", "ms for each")
    figures = (sorted(column) for column in zip(*rounds, strict=True))
    return "  ".join(
        f"{name} {median(each):.1f} ({each[0]:.1f} to {each[-1]:.1f})"
        for name, each in zip(names, figures, strict=True)
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for interface in ("asgi", "wsgi"):
            made: dict[str, Replica] = {}
            try:
                for name, head in (("usual", USUAL), ("ours", "")):
                    root = Path(folder) / f"{interface}-{name}"
                    root.mkdir()
                    made[name] = start(root, "off", interface, head)
                rounds: dict[str, list[Round]] = {name: [] for name in made}
                for _ in range(ROUNDS):
                    for name, replica in made.items():
                        rounds[name].append(asyncio.run(measure(replica)))
                for name, seen in rounds.items():
                    print(f"{interface}  {name:5}  {told(seen)}")
            finally:
                for replica in made.values():
                    replica.kill()


if __name__ == "__main__":
    main()
