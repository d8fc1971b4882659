from __future__ import annotations

import pytest

from mainstay.ops.engines.nginx import NginxEdge
from mainstay.ops.engines.nginx.config import Rotation, escaped, files, places, quoted
from mainstay.ops.engines.policy import Route

from ..golden import assert_approved, program
from ..system import BACKENDS, BEHIND, MONITOR, NODE, ROOM, SYSTEM

FULL = ("keepalive_min_timeout", "headers-more")
FEW = ("stub_status",)


def edge(*features: str) -> NginxEdge:
    return NginxEdge(NODE, program("nginx", "1.31.3", *features), SYSTEM, MONITOR, ROOM, Rotation(BACKENDS))


@pytest.mark.parametrize(("folder", "features"), [("full", FULL), ("few", FEW)])
def test_configuration(folder: str, features: tuple[str, ...]) -> None:
    assert_approved(f"nginx/{folder}", edge(*features).files())


def test_configuration_behind_proxies() -> None:
    nginx = program("nginx", "1.31.3", *FULL)
    assert_approved("nginx/front", NginxEdge(NODE, nginx, BEHIND, MONITOR, ROOM, Rotation(BACKENDS)).files())


def rendered(rotation: Rotation) -> str:
    main, *_ = files(SYSTEM, NODE, MONITOR, ROOM, frozenset(FULL), rotation)
    return main.text


def test_a_replica_that_is_down_is_left_out() -> None:
    written = rendered(Rotation(BACKENDS, frozenset({"catalog.web.2.g1"})))
    assert "server 127.0.0.1:5001 max_fails=0;" in written
    assert "127.0.0.1:5002" not in written


def test_a_service_without_replicas_has_no_upstream() -> None:
    """nginx refuses an empty one."""
    written = rendered(Rotation(BACKENDS, frozenset({"orders.web.1.g3"})))
    assert "upstream orders" not in written
    assert "proxy_pass http://orders" not in written


def test_places_of_a_route_are_the_prefix_with_and_without_its_slash() -> None:
    assert places(Route("/api", "a")) == ('"/api/"', '= "/api"')
    assert places(Route("", "a")) == ("/",)


def test_quotation_survives_quotes_and_backslashes() -> None:
    assert quoted('a"b\\') == '"a\\"b\\\\"'
    assert escaped("\\d") == "\\\\d"


async def test_changes_before_the_start_only_change_the_text() -> None:
    made = edge(*FULL)
    await made.apply(BACKENDS[:1])
    await made.set_down("catalog.web.1.g1", down=True)
    assert "127.0.0.1:500" not in made.files()[0].text


async def test_a_change_is_a_new_generation_and_no_change_is_none() -> None:
    made = edge(*FULL)
    await made.set_down("catalog.web.1.g1", down=True)
    assert made.rotation.generation == 1
    await made.set_down("catalog.web.1.g1", down=True)
    assert made.rotation.generation == 1


async def test_what_left_is_no_longer_down() -> None:
    made = edge(*FULL)
    await made.set_down("catalog.web.1.g1", down=True)
    await made.apply(BACKENDS[1:])
    assert made.rotation.down == frozenset()


async def test_nothing_is_in_flight_before_the_start() -> None:
    assert await edge(*FULL).in_flight("catalog.web.1.g1") == 0
