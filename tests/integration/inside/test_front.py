"""
Behind what terminates TLS: from the file to Django, through a real edge and a real replica.

The terminator is this machine's 127.0.0.1; 127.0.0.2 is a client that comes past it and says the same.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from mainstay.base import wire
from mainstay.ops.engines import edge
from mainstay.ops.engines.engine import Address, Backend
from mainstay.ops.engines.nginx.program import TEMPORARY
from mainstay.ops.supervise.environment import Surroundings, for_process
from mainstay.ops.topology import load
from tests.conformance.edge import talk
from tests.conformance.edge.stage import LIMITS, Stage, build, free_address, within
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


# --- with the terminator of the documentation ----------------------------------------------

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "edge.md"


@pytest.fixture
def terminator(
    site: Site, tmp_path: Path, require_program: Callable[[str], Path]
) -> Iterator[tuple[Address, ssl.SSLContext]]:
    """The nginx of the page, with addresses and a certificate of the test's; and a client's trust in that."""
    openssl = require_program("openssl")
    subject = ("-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}")
    files = ("-keyout", "privkey.pem", "-out", "fullchain.pem", "-days", "9", "-nodes")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", *files, *subject],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    (tmp_path / "privkey.pem").chmod(0o644)
    public, plain = free_address(), free_address()
    (text,) = re.findall(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)
    for written, here in {
        "listen 443 ssl": f"listen {public} ssl",
        "listen 80": f"listen {plain}",
        "127.0.0.1:8000": str(site.address),
        f"/etc/letsencrypt/live/{HOST}/": f"{tmp_path}/",
    }.items():
        assert written in text
        text = text.replace(written, here)
    own = f"pid p; daemon off; error_log stderr; events {{}} http {{ access_log off; {TEMPORARY}\n"
    (tmp_path / "front.conf").write_text(f"{own}{text}}}")
    nginx = edge.find(replace(LIMITS, engine="nginx")).path
    command = (str(nginx), "-e", "stderr", "-p", f"{tmp_path}/", "-c", "front.conf")
    with subprocess.Popen(command) as running:
        try:
            assert within(10, lambda: answers(public))
            yield public, ssl.create_default_context(cafile=tmp_path / "fullchain.pem")
        finally:
            running.terminate()


def answers(address: Address) -> bool:
    try:
        with talk.connect(address, 1.0):
            return True
    except OSError:
        return False


def test_the_nginx_of_the_page_is_believed(site: Site, terminator: tuple[Address, ssl.SSLContext]) -> None:
    address, trust = terminator
    client = http.client.HTTPConnection(address.host, address.port, timeout=10, source_address=(STRANGER, 0))
    client.connect()
    client.sock = trust.wrap_socket(client.sock, server_hostname=HOST)
    lies = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "http"}
    client.request("GET", "/form/", headers={"Host": HOST, **lies})
    answer = client.getresponse()
    seen = json.loads(answer.read())
    client.close()
    assert (seen["client"], seen["secure"], seen["url"], seen["port"]) == (
        STRANGER,
        True,
        f"{ORIGIN}/form/",
        "443",
    )
    assert answer.getheader("strict-transport-security")
