"""One running boxoffice per edge for a whole module; each test leaves it as it found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.system.running import Running, boxoffice


@pytest.fixture(scope="module", params=["haproxy", "nginx"])
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = boxoffice(tmp_path_factory.mktemp("system") / "boxoffice", edge=request.param)
    try:
        running.up()
        yield running
    finally:
        running.end()
