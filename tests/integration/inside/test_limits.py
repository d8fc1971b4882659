"""A rate limit that an ASGI and a WSGI replica share, asked over HTTP."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from mainstay.ops.engines import valkey
from mainstay.ops.topology.values import Valkey as Declared
from tests.integration.inside.replica import Replica, Response

CLIENT = {"X-Forwarded-For": "203.0.113.7"}
STRANGER = {"X-Forwarded-For": "203.0.113.8"}
HELD = 2 * 4
"""Two replicas, a burst of 100, one twentieth of it each: blocks of five, one of which is spent at once."""


@pytest.fixture
def cache(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[str]:
    program = valkey.find(Declared(program="", port=0, max_memory=32 << 20)).path
    port = free_port()
    words = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    server = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"redis://127.0.0.1:{port}/0"
    with redis.Redis.from_url(url) as client:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                client.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.02)
        yield url
    server.kill()
    server.wait(10)


def test_two_replicas_share_one_budget(start: Callable[..., Replica], cache: str) -> None:
    asgi, wsgi = start("asgi", CACHE_URL=cache), start("wsgi", CACHE_URL=cache)
    doors = ((asgi, "/limited/"), (asgi, "/async-limited/"), (wsgi, "/limited/"), (wsgi, "/async-limited/"))

    def ask(number: int) -> Response:
        replica, path = doors[number % len(doors)]
        return replica.get(path, CLIENT)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(240)))
    passed = sum(answer.status == 200 for answer in answers)
    refused = [answer for answer in answers if answer.status == 429]
    assert len(refused) == 240 - passed
    refilled = 1
    assert 100 - HELD <= passed <= 100 + HELD + refilled
    for answer in answers:
        assert answer.headers["ratelimit-policy"] == '"tickets";q=100;w=3600'
        assert answer.headers["ratelimit"].startswith('"tickets";r=')
    for answer in refused:
        assert answer.headers["content-type"] == "application/problem+json"
        assert 1 <= int(answer.headers["retry-after"]) <= 36
        assert answer.json()["request_id"] == answer.headers["x-request-id"]

    missing = asgi.get("/limited/?missing", STRANGER)
    assert missing.status == 404
    assert missing.headers["ratelimit"].startswith('"tickets";r=9')
    for replica in (asgi, wsgi):
        page = replica.get("/metrics").body.decode()
        assert 'mainstay_http_rate_limit_decisions_total{outcome="limited",scope="tickets"}' in page
        assert "mainstay_http_rate_limit_failures_total 0.0" in page
