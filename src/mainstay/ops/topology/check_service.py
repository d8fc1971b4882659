"""What can be wrong with one service, apart from its Django project."""

from __future__ import annotations

import json
from collections.abc import Callable

from mainstay.base import wire
from mainstay.base.errors import nearest
from mainstay.base.shapes import describe
from mainstay.ops.topology import placeholders
from mainstay.ops.topology.case import Case
from mainstay.ops.topology.declaration.service import ProcessTable
from mainstay.ops.topology.resolve import ENGINES_BY_NAME, ENGINES_BY_NEED, split
from mainstay.ops.topology.values import Service

BUILT_IN_KINDS = ("worker",)
"""Kinds that need no command: background tasks, and outbox → broker."""

OTHER_NAMES = {"postgresql": "postgres", "pg": "postgres", "redis": "valkey", "memcache": "memcached"}
"""Names that people know an engine by, and the one used here."""

INTERNAL_PREFIXES = tuple(
    f"{path.rstrip('/')}/" for path in (*wire.INTERNAL_PATHS, wire.INTERNAL_PREFIX, wire.ADMIN_PREFIX)
)
PLAIN_BRACES = "{{ and }} are plain braces"


def check_service(case: Case, service: Service) -> None:
    """Report everything that is wrong with what the file says of a service."""
    for judge in CHECKS:
        judge(case, service)


def _needs(case: Case, service: Service) -> None:
    for index, need in enumerate(service.needs):
        if need in ENGINES_BY_NEED:
            continue
        path = f"service.{service.name}.needs[{index}]"
        hint = nearest(need, ENGINES_BY_NEED)
        if need in OTHER_NAMES:
            hint = f"write {OTHER_NAMES[need]!r}"
        elif need in ENGINES_BY_NAME:
            hint = f"no service waits for it; write the table [engine.{need}] instead"
        case.report("unknown-engine", path, " or ".join(ENGINES_BY_NEED), describe(need), hint)


def _calls(case: Case, service: Service) -> None:
    for index, name in enumerate(service.calls):
        path = f"service.{service.name}.calls[{index}]"
        if name == service.name:
            case.report("calls-itself", path, "another service", describe(name))
        else:
            _known_service(case, path, name, describe(name))


def _consumes(case: Case, service: Service) -> None:
    path = f"service.{service.name}.consumes"
    for index, topic in enumerate(service.consumes):
        _known_service(case, f"{path}[{index}]", topic.partition(".")[0], describe(topic))
    if service.consumes and "nats" not in service.needs:
        _needed(case, service, path, "nats", "broker-missing", "events travel through NATS")


def _known_service(case: Case, path: str, name: str, found: str) -> None:
    if name not in case.service_names:
        known = " or ".join(sorted(case.service_names))
        case.report("unknown-service", path, f"a service: {known}", found, nearest(name, case.service_names))


def _processes(case: Case, service: Service) -> None:
    for name, given in case.declaration.service[service.name].processes.items():
        path = f"service.{service.name}.processes.{name}"
        command = given.command if isinstance(given, ProcessTable) else ""
        if name == "web":
            hint = f"service.{service.name}.replicas counts its web processes"
            case.report("reserved-name", path, "another name", describe(name), hint)
        elif command and not split(command):
            case.report("bad-command", f"{path}.command", "a command with closed quotes", describe(command))
        elif not command and name not in BUILT_IN_KINDS:
            expected = f"a command; only {' and '.join(BUILT_IN_KINDS)} is built in"
            hint = nearest(name, BUILT_IN_KINDS) or f'processes.{name} = {{ command = "…" }}'
            case.report("command-missing", path, expected, "none", hint)


def _prepare(case: Case, service: Service) -> None:
    for index, command in enumerate(service.prepare):
        if not split(command):
            path = f"service.{service.name}.prepare[{index}]"
            case.report("bad-command", path, "a manage.py command with closed quotes", describe(command))


def _env(case: Case, service: Service) -> None:
    for variable, text in service.env.items():
        path = f"service.{service.name}.env.{variable}"
        if variable.startswith("MAINSTAY_"):
            expected, hint = (
                "a variable of your own",
                "Mainstay sets these itself, from the keys of this file",
            )
            case.report("reserved-name", path, expected, describe(variable), hint)
        try:
            names = placeholders.names(text)
        except ValueError as error:
            expected = "text with placeholders such as {valkey.url}"
            case.report("bad-placeholder", path, expected, f"{describe(text)}: {error}", PLAIN_BRACES)
        else:
            for name in names:
                _placeholder(case, service, path, name)


def _placeholder(case: Case, service: Service, path: str, name: str) -> None:
    known = [*placeholders.NAMES, *map(placeholders.service_placeholder, sorted(case.service_names))]
    engine = name.removesuffix(".url")
    if name not in known:
        expected = " or ".join(f"{{{each}}}" for each in known)
        case.report("bad-placeholder", path, expected, f"{{{name}}}", nearest(name, known) or PLAIN_BRACES)
    elif engine in ENGINES_BY_NEED and engine not in service.needs:
        hint = f"{{{name}}} has no address for a service that does not need it"
        _needed(case, service, path, engine, "unneeded-engine", hint)


def _needed(case: Case, service: Service, path: str, engine: str, kind: str, hint: str) -> None:
    needs = f"service.{service.name}.needs"
    found = f"needs = {json.dumps(service.needs)}"
    case.report(kind, path, f'"{engine}" in {needs}', found, hint, rests_on=[needs])


def _paths(case: Case, service: Service) -> None:
    routes = {f"routes[{index}]": route for index, route in enumerate(service.routes)}
    for key, route in {**routes, "static_url": service.static_url}.items():
        path = f"service.{service.name}.{key}"
        if route.startswith(INTERNAL_PREFIXES):
            expected = "a path that the edge may route"
            case.report("internal-route", path, expected, describe(route), "this one is answered inside only")
        if "/./" in route or "/../" in route:
            case.report("bad-value", path, "a path without . and ..", describe(route))
    if service.static_url == "/":
        path = f"service.{service.name}.static_url"
        case.report("bad-value", path, "a prefix of its own", '"/"', "every request would be for a file")


CHECKS: tuple[Callable[[Case, Service], None], ...] = (
    _needs,
    _calls,
    _consumes,
    _processes,
    _prepare,
    _env,
    _paths,
)
