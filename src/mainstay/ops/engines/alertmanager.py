"""Alertmanager: groups what Prometheus raises and posts it to one webhook, or keeps it in its own page."""

from __future__ import annotations

import json
from dataclasses import dataclass

from mainstay.ops.engines import folder
from mainstay.ops.engines.ask import probe_http
from mainstay.ops.engines.engine import File, Launch, Node, Probe, Program
from mainstay.ops.engines.find import choose, examine_version
from mainstay.ops.engines.prometheus import beside, check
from mainstay.ops.engines.text import render
from mainstay.ops.topology.values import Alertmanager as Declared

MINIMUM = (0, 24)


def find(declared: Declared) -> Program:
    """
    The server to run; Debian calls it ``prometheus-alertmanager``.

    Raises:
        OperationFailed: It is not installed, or too old.
    """
    return choose(
        "alertmanager",
        explicit=declared.program,
        names=("alertmanager", "prometheus-alertmanager"),
        wheel=lambda: None,
        examine=examine_version("alertmanager", r"version ([\d.]+)", MINIMUM, "--version"),
        install="install the package prometheus-alertmanager, such as: apt install prometheus-alertmanager",
    )


@dataclass
class Alertmanager:
    """One running copy, on loopback, with no peers."""

    node: Node
    program: Program
    declared: Declared

    @property
    def url(self) -> str:
        return f"http://{self.node.address}"

    def files(self) -> tuple[File, ...]:
        webhook = json.dumps(self.declared.webhook, ensure_ascii=False) if self.declared.webhook else ""
        return (File("alertmanager.yml", render("prometheus/alertmanager.yml.j2", webhook=webhook)),)

    async def prepare(self) -> None:
        """
        Raises:
            OperationFailed: amtool does not accept the text, in its own words.
        """
        folder.make(self.node.data)
        folder.write(self.node, self.files())
        if amtool := beside(self.program.path, "amtool"):
            await check(amtool, "check-config", str(self.node.config / "alertmanager.yml"))

    def launch(self) -> Launch:
        return Launch(
            argv=(
                str(self.program.path),
                f"--config.file={self.node.config / 'alertmanager.yml'}",
                f"--storage.path={self.node.data}",
                f"--web.listen-address={self.node.address}",
                "--cluster.listen-address=",
            ),
            cwd=self.node.folder,
            unprivileged=True,
        )

    async def probe(self) -> Probe:
        return await probe_http(self.node.address, "/-/ready")
