"""
Behind what terminates TLS: from the file to Django, through a real edge and a real replica.

The terminator is this machine's 127.0.0.1; 127.0.0.2 is a client that comes past it and says the same.
"""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mainstay.base import wire
from mainstay.ops.engines import edge
from mainstay.ops.engines.engine import Address, Backend
from mainstay.ops.supervise.environment import Surroundings, for_process
from mainstay.ops.topology import load
from tests.conformance.edge.stage import Stage, build
from tests.integration.inside.replica import Replica

PROXY, STRANGER = "127.0.0.1", "127.0.0.2"
CLIENT = "198.51.100.7"
HOST = "tickets.example.com"
ORIGIN = f"https://{HOST}"
FILE = f"""
[service.shop]
settings = "site1.settings"
application = "site1.%s:application"
needs = []

[edge]
port = 0
public_url = "{ORIGIN}"
trusted_proxies = ["{PROXY}"]
"""
SAID = {"X-Forwarded-Proto": "https", "X-Forwarded-For": f"6.6.6.6, {CLIENT}"}


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: Any

    def all(self, name: str) -> list[str]:
        return [value for known, value in self.headers if known.lower() == name]


@dataclass
class Site:
    address: Address

    def ask(self, method: str, source: str, **headers: str) -> Answer:
        address = (self.address.host, self.address.port)
        connection = http.client.HTTPConnection(*address, timeout=10, source_address=(source, 0))
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, "/form/", headers={"Host": HOST, **SAID, **named})
            answer = connection.getresponse()
            body = answer.read()
            return Answer(
                answer.status, answer.getheaders(), json.loads(body) if answer.status == 200 else body
            )
        finally:
            connection.close()


@pytest.fixture(params=["asgi", "wsgi"])
def site(
    request: pytest.FixtureRequest, project: Path, start: Callable[..., Replica], tmp_path: Path
) -> Iterator[Site]:
    """A replica that was told what a supervisor tells, behind the edge of the same file."""
    file = project / "mainstay.toml"
    file.write_text(FILE % request.param)
    topology = load(file)
    around = Surroundings(
        topology, {"django.shop": "x" * 50, "internal": "y" * 50}, static={"shop": tmp_path / "static"}
    )
    env = for_process(around, topology.service("shop"), "web", "shop.web.1")

    assert env[wire.PUBLIC_URL] == ORIGIN
    replica = start(request.param, SHOP_IS_PUBLIC="1", **env)
    stage = Stage(tmp_path, build(edge.find(topology.edge), topology, tmp_path / "edge", None))
    try:
        stage.start_edge()
        backend = Backend("shop.web.1.g1", "shop", Address("127.0.0.1", replica.port))
        asyncio.run(stage.edge.apply((backend,)))
        yield Site(stage.address)
    finally:
        stage.clear()


def posted(site: Site, source: str) -> int:
    """The status of a form that was fetched and sent by the same client, as a browser does."""
    fetched = site.ask("GET", source)
    cookie = "; ".join(each.partition(";")[0] for each in fetched.all("set-cookie"))
    return site.ask("POST", source, Origin=ORIGIN, Cookie=cookie, X_CSRFToken=fetched.body["token"]).status


def test_django_learns_of_https_and_of_the_client(site: Site) -> None:
    answer = site.ask("GET", PROXY)
    seen = {name: value for name, value in answer.body.items() if name != "token"}
    assert seen == {"client": CLIENT, "secure": True, "url": f"{ORIGIN}/form/", "port": "443"}
    assert answer.all("strict-transport-security") == ["max-age=2592000"]
    cookies = answer.all("set-cookie")
    assert len(cookies) == 2
    assert all("; Secure" in cookie for cookie in cookies)
    assert posted(site, PROXY) == 200


def test_a_stranger_who_says_the_same_is_not_believed(site: Site) -> None:
    """Its cookies are for https all the same, so that a login past the proxy does not work."""
    answer = site.ask("GET", STRANGER)
    assert (answer.body["client"], answer.body["secure"]) == (STRANGER, False)
    assert answer.body["url"] == f"http://{HOST}/form/"
    assert answer.body["port"] == str(site.address.port)
    assert answer.all("strict-transport-security") == []
    assert posted(site, STRANGER) == 403
