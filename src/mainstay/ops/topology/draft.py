"""A first ``mainstay.toml`` for Django projects that were found; pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from mainstay.ops.topology.check_system import RESERVED_SERVICES
from mainstay.ops.topology.project import Project
from mainstay.ops.topology.resolve import slug

_HEAD = """\
# What `mainstay up` runs. `mainstay plan` shows all of it, every default with its reason;
# `mainstay schema` prints what may stand here.

[system]
name = {name}

# The proxy in front, the only part that is reached from outside.
[edge]
port = 8000                      # 0 chooses a free port and keeps it
# host = "0.0.0.0"               # listen on every address, not only on this machine
# hosts = ["shop.example.com"]   # the names it answers to; by default those of this machine
"""

_SERVICE = """
[service.{service}]
root = {root}
settings = {settings}
application = {application}
interface = "{interface}"               # {interface_note}
replicas = 2                     # web processes; one can be lost or replaced while the other serves
{routes}
needs = ["postgres"]             # engines; also "valkey", "memcached", "nats"
# processes.worker = 1           # background tasks
# processes.beat = {{ command = "celery -A {package} beat" }}   # any other program of yours
# prepare = ["loaddata first"]   # manage.py commands after each migration
# env = {{ DB_URL = "{{postgres.url}}" }}   # addresses under the names that your settings know
"""

_TAIL = """
[engine.postgres]
standbys = 1                     # takes over when the primary is lost
synchronous = true               # a commit is acknowledged when the standby has it too

# [engine.prometheus]            # figures of every process; named = wanted

# [timeouts]
# request = "10s"                # the deadline of a request; the others nest around and inside it
"""


def draft(projects: Sequence[Project], folder: Path) -> str:
    """The text of the file, with comments that teach the next steps."""
    name = slug(folder.name, "system")
    names = service_names(projects, folder)
    services = (
        _service(name, project, folder, first=number == 0)
        for number, (name, project) in enumerate(zip(names, projects, strict=True))
    )
    return _HEAD.format(name=_quoted(name)) + "".join(services) + _TAIL


def service_names(projects: Sequence[Project], folder: Path) -> list[str]:
    """``web`` for the only project; for several the names of their folders, made different."""
    if len(projects) == 1 and projects[0].root == folder:
        return ["web"]
    names: list[str] = []
    for project in projects:
        name = slug(project.root.name, "service")
        name = f"{name[:32]}-service" if name in RESERVED_SERVICES else name
        taken = {each.replace("_", "-") for each in names}
        names.append(f"{name[:36]}-{len(names) + 1}" if name.replace("_", "-") in taken else name)
    return names


def _service(name: str, project: Project, folder: Path, *, first: bool) -> str:
    interface = "asgi" if project.asgi else "wsgi"
    root = str(project.root.relative_to(folder))
    aligned = 'routes = ["/"]                   # path prefixes that the edge sends here'
    inside = f'routes = []                      # called by other services only; or such as ["/{name}/"]'
    return _SERVICE.format(
        service=name,
        root=_quoted(root),
        settings=_quoted(project.settings),
        application=_quoted(project.asgi or project.wsgi),
        interface=interface,
        interface_note='or "wsgi"' if project.asgi and project.wsgi else "the one that the project has",
        routes=aligned if first else inside,
        package=project.settings.partition(".")[0],
    )


def _quoted(text: str) -> str:
    # A JSON string is a TOML basic string, except that TOML wants DEL escaped too.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
