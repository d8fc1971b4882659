"""
Journeys of a system that has none written: what it says it can be asked, or what its pages link to.

Read-only: nothing but GET, and never a path whose name sounds as if it changed something.
What the calm system does not answer the same way twice, in time and without an error of
its own, is left out.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

from mainstay.base.errors import OperationFailed
from mainstay.ops.prove.loading.client import Client
from mainstay.ops.prove.loading.framing import Answer
from mainstay.ops.prove.loading.http import Http
from mainstay.ops.prove.loading.journey import Journey
from mainstay.ops.prove.loading.names import normalise
from mainstay.ops.prove.loading.openapi import Template, identities, templates

SCHEMAS = (
    "/api/schema/",
    "/schema/",
    "/openapi.json",
    "/api/openapi.json",
    "/openapi",
    "/api/schema/?format=json",
    "/schema/?format=json",
    "/openapi?format=json",
)
"""Where Django's API packages put their schema by custom: drf-spectacular, Ninja, REST framework itself."""

MOST = 30
"""Paths at most."""

VARIANTS = 10
"""Paths that differ only in an identifier, at most."""

LIMIT = 5.0
"""Seconds for an answer of the calm system."""

ATTEMPTS = 3
"""Questions after which a system that says nothing is given up."""

GOOD = range(200, 400)
NO_USE = (0, 408, 425, 429)
"""No answer, and answers that say to come again: nothing to hold a system to."""

_CHANGES = re.compile(
    r"(?:^|[/_.?&=-])(?:log[_-]?out|sign[_-]?(?:out|off)|delete|remove|destroy|drop|cancel|unsubscribe|revoke|purge"
    r"|flush|reset|clear|deactivate|disable|activate|confirm|approve|reject|logoff)(?:[/_.?&=-]|$)",
    re.IGNORECASE,
)


class Page(Journey):
    """Asks for paths of one kind, one after the other."""

    def __init__(self, name: str, paths: Iterable[str], expect: Container[int] = GOOD) -> None:
        self.name = name
        self.paths = tuple(paths)
        self.expect = expect

    async def step(self, client: Client, number: int) -> None:
        await client.get(self.paths[number % len(self.paths)], expect=self.expect, name=f"GET {self.name}")


async def journeys(base: str) -> list[Journey]:
    """
    Look at a calm system and make a journey of each kind of path it answers.

    From its OpenAPI schema where one is found at a customary place, else from ``/`` and the
    links on its pages.

    Raises:
        OperationFailed: Nothing answers, or nothing of use.
    """
    http = Http(base, limit=LIMIT, keep_alive=True)
    try:
        return await explore(http)
    finally:
        http.close()


async def explore(http: Http) -> list[Journey]:
    """As `journeys`, with this client."""
    front = await http.request("GET", "/")
    for _ in range(ATTEMPTS - 1):
        front = front if front.status else await http.request("GET", "/")
    if not front.status:
        raise OperationFailed(
            "prove.journey-derive",
            f"no journeys can be derived: {http.base} does not answer ({front.error})",
            "start the system first, and see that its edge answers",
        )
    probe = _Probe(http)
    found = await _described(probe) or await _linked(probe)
    if not found:
        raise OperationFailed(
            "prove.journey-derive",
            f"no journeys can be derived: no page of {http.base} answers twice the same without an error",
            'write journeys, and name their file in mainstay.toml: [prove] journeys = "proof.py"',
        )
    return found


def is_safe(path: str) -> bool:
    """Whether nothing in a path sounds as if asking for it changed something."""
    return not _CHANGES.search(path)


def links(page: str, text: str) -> list[str]:
    """The paths that an HTML page refers to on its own host, in order, once each; ``page`` is its address."""
    collector = _Links()
    collector.feed(text)
    own = urlsplit(page)
    found = []
    for each in collector.found:
        try:
            target = urlsplit(urldefrag(urljoin(page, each.strip())).url)
        except ValueError:
            continue
        if (target.scheme, target.netloc) == (own.scheme, own.netloc):
            found.append(f"{target.path or '/'}?{target.query}" if target.query else target.path or "/")
    return list(dict.fromkeys(found))


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if "download" not in given and (link := given.get("href") or given.get("src")):
            self.found.append(link)


@dataclass
class _Probe:
    """Asks the calm system, and remembers what it said."""

    http: Http
    seen: dict[str, Answer] = field(default_factory=dict)

    async def ask(self, path: str) -> Answer:
        answer = await self.http.request("GET", path)
        return self.seen.setdefault(path, answer)

    async def expected(self, path: str) -> Container[int] | None:
        """What counts as expected of a path: good statuses, and the one it always gives; none if it is no use."""
        before = self.seen.get(path) or await self.ask(path)
        again = await self.http.request("GET", path)
        if before.status != again.status or again.status in NO_USE or again.status >= 500:
            return None
        return GOOD if again.status in GOOD else frozenset([*GOOD, again.status])

    async def json(self, path: str) -> Any:
        answer = self.seen.get(path) or await self.ask(path)
        try:
            return answer.json if answer.status == 200 else None
        except ValueError:
            return None


async def _described(probe: _Probe) -> list[Journey]:
    found: dict[str, Template] = {}
    for place in SCHEMAS:
        content = await probe.json(place)
        for document in [content, *[await probe.json(each) for each in _index(content)]]:
            if isinstance(document, dict):
                found.update({each.path: each for each in templates(document) if is_safe(each.path)})
        if found:
            break
    made = [await _asked(probe, each) for each in list(found.values())[:MOST]]
    return [each for each in made if each is not None]


def _index(content: Any) -> list[str]:
    """Paths of further schemas: a page may say where each service describes itself."""
    if not isinstance(content, dict) or "openapi" in content:
        return []
    return [each for each in content.values() if isinstance(each, str) and each.startswith("/")][:MOST]


async def _asked(probe: _Probe, template: Template) -> Journey | None:
    paths = [
        path for values in await _values(probe, template) for path in [_filled(template, values)] if path
    ]
    kept = {path: expect for path in paths if (expect := await probe.expected(path)) is not None}
    for path in paths:
        content = await probe.json(path)
        is_schema = isinstance(content, dict) and "openapi" in content
        was_put_together_wrongly = template.parameters and probe.seen[path].status == 404
        if is_schema or was_put_together_wrongly:
            kept.pop(path, None)
    return Page(template.path, kept, next(iter(kept.values()))) if kept else None


def _filled(template: Template, values: Mapping[str, str]) -> str:
    try:
        return template.filled(values)
    except KeyError:
        return ""


async def _values(probe: _Probe, template: Template) -> list[dict[str, str]]:
    """Values for the parameters of a path, read from the list in front of each parameter."""
    rows: list[dict[str, str]] = [{}]
    known = dict(template.given)
    for parameter in template.parameters:
        if parameter in known:
            continue
        front = template.path[: template.path.index(f"{{{parameter}}}")]
        found = []
        for row in rows:
            if path := _filled(Template(front), {**known, **row}):
                content = await probe.json(path)
                found += [{**row, parameter: each} for each in identities(content, parameter)[:VARIANTS]]
        rows = found[:VARIANTS]
    return rows


async def _linked(probe: _Probe) -> list[Journey]:
    """Breadth first from ``/``."""
    queue, names = deque(["/"]), Counter(["/"])
    groups: dict[str, list[str]] = {}
    expectations: dict[str, Container[int]] = {}
    queued = {"/"}
    for _ in range(MOST):
        if not queue:
            break
        path = queue.popleft()
        expect = await probe.expected(path)
        if expect is None:
            continue
        answer, name = probe.seen[path], normalise(path)
        if path == "/" or answer.status in GOOD:
            groups.setdefault(name, []).append(path)
            expectations.setdefault(name, expect)
        for link in _onward(probe.http.base + path, answer):
            if link not in queued and is_safe(link) and names[normalise(link)] < VARIANTS:
                names[normalise(link)] += 1
                queued.add(link)
                queue.append(link)
    return [Page(name, paths, expectations[name]) for name, paths in groups.items()]


def _onward(page: str, answer: Answer) -> list[str]:
    if "location" in answer.headers:
        return links(page, f'<a href="{escape(answer.headers["location"])}">')
    return links(page, answer.text) if "html" in answer.headers.get("content-type", "") else []
