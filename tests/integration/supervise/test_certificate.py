"""A look at real TLS servers on loopback, with certificates of the test's own."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mainstay.ops.supervise import certificate as module
from mainstay.ops.supervise.certificate import Certificate, Sight
from mainstay.ops.topology.origin import Origin

CONFIGURATION = """
[ca]
default_ca = own
[own]
database = index.txt
new_certs_dir = .
rand_serial = yes
policy = any
default_md = sha256
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
NOW = datetime.now(UTC).replace(microsecond=0)
LATER, EARLIER = NOW + timedelta(days=60), NOW - timedelta(days=1)


class Authority:
    """Signs certificates; ``root.pem`` is what a client has to trust."""

    def __init__(self, folder: Path, program: Path) -> None:
        self.folder, self._program = folder, program
        (folder / "ca.cnf").write_text(CONFIGURATION)
        (folder / "index.txt").touch()
        self._openssl(
            "req", "-x509", *KEY, "-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=root", "-days", "9"
        )

    @property
    def root(self) -> Path:
        return self.folder / "root.pem"

    def signed(self, name: str, until: datetime) -> ssl.SSLContext:
        """What a server needs to present a certificate for this name."""
        kind = "IP" if ":" in name or name.replace(".", "").isdigit() else "DNS"
        extension = f"subjectAltName={kind}:{name}"
        files = ("-keyout", "leaf.key", "-out", "leaf.csr")
        self._openssl("req", "-new", *KEY, *files, "-subj", "/CN=leaf", "-addext", extension)
        dates = (
            "-startdate",
            f"{NOW - timedelta(days=30):%Y%m%d%H%M%SZ}",
            "-enddate",
            f"{until:%Y%m%d%H%M%SZ}",
        )
        signer = ("-cert", "root.pem", "-keyfile", "root.key")
        self._openssl(
            "ca", "-batch", "-config", "ca.cnf", *signer, "-in", "leaf.csr", "-out", "leaf.pem", *dates
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "leaf.pem", self.folder / "leaf.key")
        return context

    def _openssl(self, *arguments: str) -> None:
        subprocess.run([self._program, *arguments], cwd=self.folder, check=True, capture_output=True)


@pytest.fixture
def authority(tmp_path: Path, require_program: Callable[[str], Path]) -> Authority:
    return Authority(tmp_path, require_program("openssl"))


@contextlib.asynccontextmanager
async def serving(context: ssl.SSLContext | None) -> AsyncIterator[int]:
    """The port of a server; without a context it accepts and says nothing."""
    held: list[asyncio.StreamWriter] = []

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_server(hold, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        for writer in held:
            writer.transport.abort()
        server.close()
        # A handshake that the client broke off ends a moment later on this side.
        await asyncio.sleep(0.05)


async def look(host: str, port: int) -> Sight:
    certificate = Certificate(Origin("https", host, port), lambda *_: None)
    await certificate.look()
    assert certificate.sight
    return certificate.sight


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
async def test_a_good_certificate(authority: Authority, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.root))
    async with serving(authority.signed(name, LATER)) as port:
        assert await look(name, port) == Sight(True, LATER.timestamp(), verified=True)


async def test_no_more_is_demanded_than_by_a_browser(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From 3.13 on Python is stricter; a private signer that leaves out its key's identifier would be told for ever."""
    make = ssl.create_default_context

    def strict() -> ssl.SSLContext:
        context = make()
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", strict)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.root))
    async with serving(authority.signed("localhost", LATER)) as port:
        assert (await look("localhost", port)).problem == ""


@pytest.mark.parametrize(
    ("name", "until", "trusted", "problem"),
    [
        ("localhost", EARLIER, True, "certificate has expired"),
        ("elsewhere.example", LATER, True, "Hostname mismatch"),
        ("localhost", LATER, False, "unable to get local issuer certificate"),
    ],
)
async def test_a_bad_certificate_shows_its_date_all_the_same(
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    until: datetime,
    trusted: bool,
    problem: str,
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.root))
    async with serving(authority.signed(name, until)) as port:
        sight = await look("localhost", port)
    assert (sight.seen, sight.expires, sight.verified) == (True, until.timestamp(), False)
    assert problem in sight.problem


async def test_who_speaks_no_tls_shows_nothing(free_port: Callable[[], int]) -> None:
    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server:
        sight = await look("localhost", server.sockets[0].getsockname()[1])
    assert (sight.seen, sight.expires, sight.verified) == (False, None, False)
    assert sight.problem
    refused = await look("localhost", free_port())
    assert not refused.seen
    assert refused.problem


async def test_who_says_nothing_is_waited_for_no_longer_than_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    async with serving(None) as port:
        assert await look("localhost", port) == Sight(False, problem="no answer within 0.2 s")


async def test_a_renewed_certificate_is_seen_at_the_next_look(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.root))
    monkeypatch.setattr(module, "EVERY", 0.05)
    context = authority.signed("localhost", LATER)
    async with serving(context) as port:
        certificate = Certificate(Origin("https", "localhost", port), lambda *_: None)
        watching = asyncio.create_task(certificate.watch())
        try:
            async with asyncio.timeout(20):
                while certificate.sight is None:
                    await asyncio.sleep(0.01)
                assert certificate.sight.expires == LATER.timestamp()
                renewed = LATER + timedelta(days=90)
                authority.signed("localhost", renewed)
                context.load_cert_chain(authority.folder / "leaf.pem", authority.folder / "leaf.key")
                while certificate.sight.expires != renewed.timestamp():
                    await asyncio.sleep(0.01)
        finally:
            watching.cancel()
