"""Which links a system has, and what their process finds when it starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mainstay.ops.engines.engine import Address
from mainstay.ops.supervise.links import Links
from mainstay.ops.supervise.ports import Ports
from mainstay.ops.supervise.state import StateFolder

SERVER = Address("127.0.0.1", 5432)


@pytest.fixture
def links(tmp_path: Path) -> Links:
    state = StateFolder(tmp_path, "shop")
    return Links(state, Ports({}), 7)


def written(links: Links) -> dict[str, str]:
    """Name to target of what the configuration says."""
    content = json.loads((links.state.path / "links.json").read_text())
    return {door["name"]: door["target"] for door in content["doors"]}


async def test_a_link_keeps_its_address_when_it_leads_elsewhere(links: Links) -> None:
    first = await links.lead("edge->web.1", SERVER, key="web.1.g1")
    assert first != SERVER
    assert await links.lead("edge->web.1", Address("127.0.0.1", 5433), key="web.1.g1") == first
    assert written(links) == {"edge->web.1": "127.0.0.1:5433"}


async def test_a_replacement_has_a_link_of_its_own_beside_the_old_one(links: Links) -> None:
    old = await links.lead("edge->web.1", SERVER, key="web.1.g1")
    new = await links.lead("edge->web.1", SERVER, key="web.1.g2")
    assert old != new
    await links.forget("web.1.g1")
    assert [place.listen[1] for place in links.places.values()] == [new.port]
    await links.forget("web.1.g1")


async def test_the_process_finds_all_of_them_when_it_starts(links: Links) -> None:
    links.declare("web->postgres", SERVER)
    await links.prepare()
    assert written(links) == {"web->postgres": "127.0.0.1:5432"}
    assert not (await links.probe()).answered
