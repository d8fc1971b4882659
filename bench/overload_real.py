"""
Overload of one real replica over loopback: ``python -m bench.overload_real``, about two minutes.

A Django project with sync views under ASGI, as ``mainstay up`` would start it: each view computes for 20 ms
and waits for 20 ms. Its peak is found with eight patient clients; then the open-loop generator
of ``mainstay prove`` offers 3, 5 and 10 times as much, with 80 % in between, at random moments, as callers come
who know nothing of each other; ``--spacing even`` never lets two come at once, so that what is normal is
quicker than it is for anybody. The generator and
the replica share the machine, so a figure is worth what the machine was: the peak is found anew before and
after each overload, and latency is counted from when a request was due and from when it was sent. Beside
them stands what a busy machine cannot change: how much of its own processor time the replica used for each
good answer, with all that it refused meanwhile. Divided into the same at 80 % it is the goodput of a core.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import socket
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from mainstay.ops.prove.claim import Load
from mainstay.ops.prove.history import History, Operation
from mainstay.ops.prove.loading.arrivals import Pace
from mainstay.ops.prove.loading.client import Client
from mainstay.ops.prove.loading.http import Http
from mainstay.ops.prove.loading.journey import Journey
from mainstay.ops.prove.loading.load import Generator
from mainstay.ops.prove.loading.summary import percentile
from tests.integration.inside.replica import Replica

PROJECT = """
import sys, time
from django.conf import settings
settings.configure(SECRET_KEY="x" * 50, ALLOWED_HOSTS=["*"], ROOT_URLCONF="site1.views",
    MIDDLEWARE=["mainstay.http.middleware.EntranceMiddleware"], MAINSTAY={{"http": {{"admission": "{mode}"}}}},
    LOGGING_CONFIG=None)
import django
django.setup()
"""
VIEWS = """
import time
from django.http import HttpResponse
from django.urls import path
from mainstay.http import Criticality, criticality

def work():
    until = time.thread_time() + 0.020
    while time.thread_time() < until:
        sum(range(200))
    time.sleep(0.020)
    return HttpResponse("done")

def page(request):
    return work()

@criticality(Criticality.CRITICAL_PLUS)
def pay(request):
    return work()

@criticality(Criticality.SHEDDABLE)
def suggest(request):
    return work()

def quick(request):
    return HttpResponse("at once")

urlpatterns = [path("page/", page), path("pay/", pay), path("suggest/", suggest), path("quick/", quick)]
"""
APPLICATION = """from site1 import settings
from django.core.handlers.{interface} import {handler}
application = {handler}()
"""
HANDLERS = {"asgi": "ASGIHandler", "wsgi": "WSGIHandler"}
LIMIT = 5.0
CALM = 0.8
LIMIT_LINE = "mainstay_admission_limit "


class Page(Journey):
    weight = 12

    async def step(self, client: Client, number: int) -> None:
        await client.get("/page/")


class Pay(Journey):
    """A twentieth of all: at ten times the peak still only half of what the replica can do."""

    weight = 1

    async def step(self, client: Client, number: int) -> None:
        await client.get("/pay/")


class Suggest(Journey):
    weight = 7

    async def step(self, client: Client, number: int) -> None:
        await client.get("/suggest/")


def start(folder: Path, mode: str, interface: str = "asgi", head: str = "") -> Replica:
    """A replica of the project below, whose settings begin with ``head``."""
    package = folder / "site1"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "settings.py").write_text(head + PROJECT.format(mode=mode))
    (package / "views.py").write_text(VIEWS)
    application = APPLICATION.format(interface=interface, handler=HANDLERS[interface])
    (package / f"{interface}.py").write_text(application)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    replica = Replica(folder, interface, port, folder / "log", {"DJANGO_SETTINGS_MODULE": ""})
    replica.wait_until_ready()
    return replica


def spent(replica: Replica) -> tuple[float, float]:
    """Seconds of processor time that the replica has used, and that the machine's cores had nothing to do."""
    own = Path(f"/proc/{replica.process.pid}/stat").read_text().rpartition(")")[2].split()
    idle = Path("/proc/stat").read_text().split()[4]
    tick = os.sysconf("SC_CLK_TCK")
    return (int(own[11]) + int(own[12])) / tick, int(idle) / tick


class Watch:
    """What a busy machine does not change: the replica's own processor time, and where its limit stood."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._begun = time.monotonic()
        self._before = spent(replica)
        self.limits: list[float] = []
        self._task = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            figures = await asyncio.to_thread(self._replica.get, "/metrics", None, 30.0)
            lines = figures.body.decode().splitlines()
            self.limits += [float(line.split()[1]) for line in lines if line.startswith(LIMIT_LINE)]

    def told(self, good: int) -> str:
        """For each good answer, with all that was refused meanwhile. Where cores were idle, the limit was too low."""
        self._task.cancel()
        used, idle = (now - before for now, before in zip(spent(self._replica), self._before, strict=True))
        cores = idle / (time.monotonic() - self._begun)
        low, high = min(self.limits, default=0), max(self.limits, default=0)
        each = used / max(good, 1) * 1000
        return (
            f"{each:.1f} ms of processor time for each, {cores:.2f} cores idle, limit {low:.0f} to {high:.0f}"
        )


@dataclass(frozen=True, slots=True)
class Independent(Pace):
    """Arrivals of callers who know nothing of each other: a Poisson process, the same in every run."""

    dice: random.Random = field(default_factory=lambda: random.Random(7))

    def next(self, last: float) -> float:
        return last + self.dice.expovariate(self.rate(last))


SPACING = {"independent": Independent, "even": Pace}


async def offer(base: str, rate: float, seconds: float, spacing: str = "independent") -> list[Operation]:
    """This many requests a second, whatever becomes of them; what became of them."""
    history = History()
    journeys = [Page(), Pay(), Suggest()]
    generator = Generator(
        journeys, Load(rate), base, history, limit=LIMIT, keep_alive=True, arrivals=SPACING[spacing]
    )
    await generator.set_up()
    generator.start()
    await asyncio.sleep(seconds)
    await generator.stop(patience=LIMIT)
    late = generator.summary().late_p99
    await generator.close()
    if late > 0.02:
        print(f"    the generator itself was late: p99 {late * 1000:.0f} ms")
    return history.operations


async def find_peak(base: str, seconds: float) -> float:
    """Answers a second that eight patient clients get."""
    http = Http(base, limit=LIMIT, keep_alive=True)
    begun = time.monotonic()
    done = 0

    async def client() -> None:
        nonlocal done
        while (now := time.monotonic()) < begun + seconds:
            answer = await http.request("GET", "/page/")
            done += answer.status == 200 and now > begun + 1

    await asyncio.gather(*(client() for _ in range(8)))
    http.close()
    return done / (seconds - 1)


def told(operations: list[Operation], seconds: float, begun: float) -> tuple[float, float, dict[str, float]]:
    """Answers a second, p99 from sending on, and the success of each journey, without the first second."""
    settled = [each for each in operations if each.due >= begun + 1]
    took = sorted(each.ended - each.began for each in settled if each.status == 200)
    names = sorted({each.journey for each in settled})
    success = {
        name: _share([each.status == 200 for each in settled if each.journey == name]) for name in names
    }
    return len(took) / (seconds - 1), percentile(took, 0.99), success


def back_to_normal(operations: list[Operation], begun: float, usual: float) -> float:
    """Seconds after which no half second has a failure or a p99 above twice the usual one."""
    last = 0.0
    for number in range(int((max(each.due for each in operations) - begun) / 0.5)):
        span = [each for each in operations if 0.5 * number <= each.due - begun < 0.5 * (number + 1)]
        took = sorted(each.latency for each in span)
        if any(each.status != 200 for each in span) or percentile(took, 0.99) > 2 * usual:
            last = 0.5 * (number + 1)
    return last


def _share(values: list[bool]) -> float:
    return sum(values) / len(values) if values else 1.0


def good(operations: list[Operation]) -> int:
    return sum(each.status == 200 for each in operations)


def p99_due(operations: list[Operation]) -> float:
    return percentile(sorted(each.latency for each in operations if each.status == 200), 0.99)


async def run(replica: Replica, factors: list[float], seconds: float, spacing: str) -> None:
    base = f"http://127.0.0.1:{replica.port}"
    peak = await find_peak(base, 5.0)
    for factor in factors:
        begun, watch = time.monotonic(), Watch(replica)
        calm = await offer(base, CALM * peak, 8.0, spacing)
        rate, usual, _ = told(calm, 8.0, begun)
        print(
            f"peak {peak:.1f}/s; at 80 %: {rate:.1f}/s, p99 {usual * 1000:.0f} ms, due {p99_due(calm) * 1000:.0f} ms,"
            f" {watch.told(good(calm))}"
        )
        begun, watch = time.monotonic(), Watch(replica)
        operations = await offer(base, factor * peak, seconds, spacing)
        cost = watch.told(good(operations))
        rate, p99, success = told(operations, seconds, begun)
        refused = sorted(each.ended - each.began for each in operations if each.status == 503)
        begun = time.monotonic()
        settled = back_to_normal(await offer(base, CALM * peak, 8.0, spacing), begun, usual)
        before, peak = peak, await find_peak(base, 5.0)
        mean = (before + peak) / 2
        words = ", ".join(f"{name} {share:.2%}" for name, share in success.items())
        print(
            f"{factor:4.0f}x  goodput {rate:.1f}/s, {rate / mean:.1%} of the mean of both peaks"
            f"  p99 {p99 * 1000:.0f} ms = {p99 / usual:.2f}x, due {p99_due(operations) * 1000:.0f} ms"
            f"  success: {words}  refusal p50 {percentile(refused, 0.5) * 1000:.0f} ms  normal after {settled:.1f} s"
            f"  {cost}"
        )
    print(f"peak {peak:.1f}/s")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.overload_real", description=__doc__)
    parser.add_argument("--mode", default="on", choices=("on", "off"))
    parser.add_argument("--spacing", default="independent", choices=tuple(SPACING), help="of arrivals")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each overload")
    parser.add_argument("factors", nargs="*", type=float, default=[3.0, 5.0, 10.0])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        replica = start(Path(folder), arguments.mode)
        try:
            print(f"admission {arguments.mode}, load of the machine before: {os.getloadavg()[0]:.1f}")
            asyncio.run(run(replica, arguments.factors, arguments.seconds, arguments.spacing))
            figures = replica.get("/metrics").body.decode().splitlines()
            print("\n".join(line for line in figures if line.startswith("mainstay_admission")))
        except BaseException:
            sys.stderr.write(replica.output()[-2000:])
            raise
        finally:
            replica.kill()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
