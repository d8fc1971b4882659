"""Systems to make claims of: as text, and as random content that mostly is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from mainstay.ops.topology import load
from mainstay.ops.topology.values import Topology
from tests.unit.ops.topology.projects import write_project

PLAIN = """
[service.web]
root = "web"
"""

BOXOFFICE = """
[system]
name = "boxoffice"
[service.catalog]
root = "web"
routes = ["/"]
replicas = 2
needs = ["postgres", "valkey"]
calls = ["orders"]
[service.orders]
root = "web"
routes = ["/api/orders/"]
replicas = 2
needs = ["postgres"]
calls = ["payments"]
processes.worker = 1
processes.sweeper = { command = "python manage.py sweep", replicas = 1 }
[service.payments]
root = "web"
replicas = 2
needs = ["postgres"]
[engine.postgres]
standbys = 1
[engine.nats]
"""


def declared(folder: Path, text: str) -> Topology:
    """The topology of a text; every service is the project ``web``."""
    if not (folder / "web").exists():
        write_project(folder / "web", "shop")
    (folder / "mainstay.toml").write_text(text)
    return load(folder)


NEEDS = ("postgres", "valkey", "memcached", "nats")
NAMES = st.from_regex(r"\A[a-z][a-z0-9-]{0,9}\Z") | st.sampled_from(["web", "primary", "replica", "a-for-b"])


@st.composite
def contents(draw: st.DrawFn) -> dict[str, Any]:
    """A file's content: one to four services that call one another, with any engines."""
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    services = {
        name: {
            "root": "web",
            "replicas": draw(st.integers(1, 3)),
            "routes": ["/"] if number == 0 else draw(st.sampled_from([[], [f"/{name}/"]])),
            "needs": draw(st.lists(st.sampled_from(NEEDS), unique=True)),
            "calls": draw(st.lists(st.sampled_from([*names[:number], *names[number + 1 :]]), unique=True))
            if len(names) > 1
            else [],
            "processes": draw(st.dictionaries(NAMES, st.just({"command": "python -m x", "replicas": 1}), max_size=2)),
        }
        for number, name in enumerate(names)
    }  # fmt: skip
    postgres = {"standbys": draw(st.integers(0, 2)), "max_connections": 500}
    return {"service": services, "engine": {"postgres": postgres}}
