"""
Prometheus: scrapes every replica, the edge and the supervisor, and raises the alerts.

What to scrape is a file that Prometheus watches, so that scaling and rolling updates
need no reload, and the call that would reload or stop it over HTTP stays switched off.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines import folder, grafana
from mainstay.ops.engines.ask import probe_http
from mainstay.ops.engines.engine import Address, File, Launch, Node, Probe, Program
from mainstay.ops.engines.find import choose, examine_version
from mainstay.ops.engines.oneshot import run_once
from mainstay.ops.engines.text import render
from mainstay.ops.topology.values import Prometheus as Declared

MINIMUM = (2, 40)
TARGETS = "targets.json"
LONGEST_TIMEOUT = 10.0
"""Seconds that one scrape may take, where the interval allows as much."""

SHORTEST_WINDOW = 60.0
"""Seconds over which rates are taken at least; an alert on less would fire at a single bad second."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something to scrape at ``/metrics``; its labels are put on all that it says."""

    job: str
    address: str
    labels: Mapping[str, str] = field(default_factory=dict)


def find(declared: Declared) -> Program:
    """
    The server to run; it comes from the machine only, as there is no wheel of it.

    Raises:
        OperationFailed: It is not installed, or too old.
    """
    return choose(
        "prometheus",
        explicit=declared.program,
        names=("prometheus",),
        wheel=lambda: None,
        examine=examine_version("prometheus", r"version ([\d.]+)", MINIMUM, "--version"),
        install="install the package prometheus, such as: apt install prometheus",
    )


@dataclass
class Prometheus:
    """One running copy, on loopback; ``alertmanager`` is where it sends its alerts, if anywhere."""

    node: Node
    program: Program
    declared: Declared
    alertmanager: Address | None = None

    @property
    def url(self) -> str:
        return f"http://{self.node.address}"

    def files(self) -> tuple[File, ...]:
        interval = self.declared.scrape_interval
        scraping = render(
            "prometheus/prometheus.yml.j2",
            interval=duration(interval),
            timeout=duration(min(interval, LONGEST_TIMEOUT)),
            own=json.dumps(str(self.node.address)),
            alertmanager=json.dumps(str(self.alertmanager)) if self.alertmanager else "",
        )
        own = (
            File("prometheus.yml", scraping),
            File("rules.yml", rules(interval)),
            File("alerts.yml", alerts(interval)),
        )
        return (*own, *grafana.files(self.url, window(interval)))

    def write_targets(self, targets: Iterable[Target]) -> None:
        """
        Scrape exactly these from now on; noticed within seconds, without a reload.

        Raises:
            OperationFailed: The file could not be written.
        """
        groups = [
            {"targets": [target.address], "labels": {"job": target.job, **target.labels}}
            for target in targets
        ]
        folder.write(self.node, [File(TARGETS, json.dumps(groups, indent=1, ensure_ascii=False) + "\n")])

    async def prepare(self) -> None:
        """
        Targets that were written before stay.

        Raises:
            OperationFailed: promtool does not accept the texts, in its own words.
        """
        folder.make(self.node.data)
        folder.write(self.node, self.files())
        if not (self.node.config / TARGETS).exists():
            self.write_targets(())
        if promtool := beside(self.program.path, "promtool"):
            await check(promtool, "check", "config", str(self.node.config / "prometheus.yml"))

    def launch(self) -> Launch:
        return Launch(
            argv=(
                str(self.program.path),
                f"--config.file={self.node.config / 'prometheus.yml'}",
                f"--storage.tsdb.path={self.node.data}",
                f"--storage.tsdb.retention.time={duration(self.declared.retention)}",
                f"--web.listen-address={self.node.address}",
            ),
            cwd=self.node.folder,
            stop_timeout=10.0,
            unprivileged=True,
        )

    async def probe(self) -> Probe:
        return await probe_http(self.node.address, "/-/ready")


OBJECTIVE = 0.999
"""Share of a service's requests that must not end in a server error, over 30 days."""

LEAST_FAILED = 10
"""Failed requests in the long window without which a burning budget is only a quiet night."""


@dataclass(frozen=True, slots=True)
class Burn:
    """A pace at which an error budget is spent, and the two windows over which it is seen."""

    name: str
    times: float
    long: str
    short: str
    severity: str
    gone: str
    """In what time a whole budget is gone at this pace."""

    @property
    def limit(self) -> str:
        return f"{self.times * (1 - OBJECTIVE):.6g}"


BURNS = (
    Burn("ErrorBudgetBurnsFast", 14.4, "1h", "5m", "critical", "2 days"),
    Burn("ErrorBudgetBurns", 6, "6h", "30m", "critical", "5 days"),
    Burn("ErrorBudgetBurnsSlowly", 1, "3d", "6h", "warning", "30 days"),
)
"""The Site Reliability Workbook (Google), chapter 5, table 5-8."""

QUEUE_OLD = (("warning", 1), ("critical", 6))
"""How many times as old as a queue says it may become. Five minutes and half an hour, for one that says nothing."""

WINDOWS = ("5m", "30m", "1h", "6h", "3d")


def rules(scrape_interval: float) -> str:
    """What is computed once for all who ask: rates, the tail of latency, shares of failed requests."""
    return render("prometheus/rules.yml.j2", window=window(scrape_interval), windows=WINDOWS)


def alerts(scrape_interval: float) -> str:
    """When somebody is told: processes, errors of a service, its error budget, queues, database, machine."""
    return render(
        "prometheus/alerts.yml.j2",
        window=window(scrape_interval),
        burns=BURNS,
        budget=f"{1 - OBJECTIVE:.1%}",
        least=LEAST_FAILED,
        queue_old=QUEUE_OLD,
    )


def window(scrape_interval: float) -> str:
    """The time over which rates are taken: a minute, or four scrapes, so that one missed hurts nobody."""
    return duration(max(SHORTEST_WINDOW, 4 * scrape_interval))


def duration(seconds: float) -> str:
    """Seconds as Prometheus writes durations, which know no fractions: whole milliseconds."""
    milliseconds = max(1, math.ceil(seconds * 1000))
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"


def beside(program: Path, name: str) -> Path | None:
    """A checker that came along with a program, or else one on PATH."""
    near = program.with_name(name)
    found = str(near) if near.exists() else shutil.which(name)
    return Path(found) if found else None


async def check(tool: Path, *arguments: str) -> None:
    """
    Let a program's own checker read a configuration.

    Raises:
        OperationFailed: It found something, in its own words.
    """
    checked = await run_once([str(tool), *arguments], unprivileged=True)
    if not checked.ok:
        raise OperationFailed(
            f"engine.{tool.name}-refused",
            f"{tool.name} does not accept {arguments[-1]}",
            details=tuple(checked.output.strip().splitlines()[-8:]),
        )
