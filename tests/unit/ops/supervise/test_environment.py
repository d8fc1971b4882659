"""What a process is told of the rest; pure, so the whole of it is compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mainstay.ops.engines.engine import Address
from mainstay.ops.supervise.environment import Surroundings, for_process
from mainstay.ops.topology.values import Topology

SECRETS = {
    "internal": "between us",
    "django.catalog": "key of catalog",
    "django.orders": "key of orders",
    "postgres.catalog": "pw-catalog",
    "postgres.orders": "pw-orders",
}


@pytest.fixture
def around(topology: Topology) -> Surroundings:
    return Surroundings(
        topology=topology,
        secrets=SECRETS,
        postgres=(Address("127.0.0.1", 5001), Address("127.0.0.1", 5002)),
        primary_endpoint=Address("127.0.0.1", 5000),
        urls={"valkey": "redis://:secret@127.0.0.1:6000/0", "nats": "nats://u:p@127.0.0.1:4222"},
        edge=Address("127.0.0.1", 8123),
        inside={"catalog": Address("127.0.0.1", 7001), "orders": Address("127.0.0.1", 7002)},
        static={"catalog": Path("/srv/static/catalog"), "orders": Path("/srv/static/orders")},
        release="abc1234",
        passed_on={"SENTRY_DSN": "https://key@sentry.example/1"},
    )


def told(
    around: Surroundings, service: str, kind: str = "web", bind: Address | None = None
) -> dict[str, str]:
    return for_process(around, around.topology.service(service), kind, f"{service}.{kind}.1", bind)


def test_a_web_replica_is_told_everything_it_needs(around: Surroundings) -> None:
    assert told(around, "catalog", bind=Address("127.0.0.1", 21000)) == {
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",
        "DJANGO_SETTINGS_MODULE": "catalog.settings",
        "MAINSTAY_SYSTEM": "shop",
        "MAINSTAY_SERVICE": "catalog",
        "MAINSTAY_KIND": "web",
        "MAINSTAY_REPLICA": "catalog.web.1",
        "MAINSTAY_RELEASE": "abc1234",
        "SECRET_KEY": "key of catalog",
        "MAINSTAY_INTERNAL_TOKEN": "between us",
        "MAINSTAY_ALLOWED_HOSTS": "shop.example,127.0.0.1,localhost",
        "MAINSTAY_TRUSTED_PROXIES": "127.0.0.1",
        "MAINSTAY_PUBLIC_URL": "http://127.0.0.1:8123",
        "MAINSTAY_STATIC_ROOT": "/srv/static/catalog",
        "MAINSTAY_POOL_MAX": str(around.topology.service("catalog").pool),
        "MAINSTAY_REQUEST_TIMEOUT": "10",
        "MAINSTAY_REPLICAS": str(around.topology.service("catalog").kind("web").replicas),
        "MAINSTAY_THREADS": str(around.topology.service("catalog").threads),
        "MAINSTAY_STATEMENT_TIMEOUT": "5",
        "MAINSTAY_LOCK_TIMEOUT": "2",
        "MAINSTAY_DRAIN_TIMEOUT": "12",
        "SENTRY_DSN": "https://key@sentry.example/1",
        "DATABASE_URL": "postgresql://catalog:pw-catalog@127.0.0.1:5000/catalog",
        "MAINSTAY_DATABASE_HOSTS": "127.0.0.1:5001,127.0.0.1:5002",
        "DATABASE_REPLICA_URLS": "postgresql://catalog:pw-catalog@127.0.0.1:5002/catalog",
        "CACHE_URL": "redis://:secret@127.0.0.1:6000/0",
        "MAINSTAY_URL_CATALOG": "http://127.0.0.1:7001",
        "MAINSTAY_URL_ORDERS": "http://127.0.0.1:7002",
        "MAINSTAY_APPLICATION": "catalog.asgi:application",
        "MAINSTAY_INTERFACE": "asgi",
        "MAINSTAY_BIND": "127.0.0.1:21000",
        "REDIS_URL": "redis://:secret@127.0.0.1:6000/0",
        "ORDERS": "http://127.0.0.1:7002",
        "SITE": "http://127.0.0.1:8123",
    }


def test_a_worker_gets_no_address_to_listen_on(around: Surroundings) -> None:
    names = told(around, "orders", "worker").keys()
    assert not names & {"MAINSTAY_BIND", "MAINSTAY_APPLICATION", "MAINSTAY_INTERFACE"}


def test_an_engine_that_is_not_needed_is_not_told_of(around: Surroundings) -> None:
    """catalog does not need NATS, and its password is none of its business."""
    assert "NATS_URL" not in told(around, "catalog")
    (catalog, orders) = around.topology.services
    alone = replace(around.topology, services=(replace(catalog, needs=(), env={}), orders))
    names = told(replace(around, topology=alone), "catalog").keys()
    assert not names & {"DATABASE_URL", "DATABASE_REPLICA_URLS", "MAINSTAY_DATABASE_HOSTS", "CACHE_URL"}


def test_each_service_has_its_own_secrets_and_cache_database(around: Surroundings) -> None:
    catalog, orders = told(around, "catalog"), told(around, "orders")
    assert catalog["SECRET_KEY"] != orders["SECRET_KEY"]
    assert "pw-catalog" not in str(orders)
    assert (catalog["CACHE_URL"][-2:], orders["CACHE_URL"][-2:]) == ("/0", "/1")


def test_without_a_standby_there_is_no_replica_to_read_from(around: Surroundings) -> None:
    assert "DATABASE_REPLICA_URLS" not in told(replace(around, postgres=around.postgres[:1]), "orders")


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_the_public_url_is_one_that_a_browser_can_open(around: Surroundings, host: str) -> None:
    edge = replace(around.topology.edge, host=host)
    everywhere = replace(around, topology=replace(around.topology, edge=edge))
    assert everywhere.public_url == "http://127.0.0.1:8123"


def test_the_public_url_of_the_file_is_told_as_it_is(around: Surroundings) -> None:
    edge = replace(around.topology.edge, public_url="https://shop.example")
    behind = replace(around, topology=replace(around.topology, edge=edge))
    assert told(behind, "catalog")["MAINSTAY_PUBLIC_URL"] == "https://shop.example"


def test_an_ipv6_address_is_bracketed_in_the_public_url(around: Surroundings) -> None:
    edge = replace(around.topology.edge, host="::1")
    assert replace(around, topology=replace(around.topology, edge=edge)).public_url == "http://[::1]:8123"


def test_what_the_file_says_wins(around: Surroundings) -> None:
    catalog, orders = around.topology.services
    own = replace(catalog, env={"DATABASE_URL": "sqlite:///elsewhere"})
    changed = replace(around, topology=replace(around.topology, services=(own, orders)))
    assert told(changed, "catalog")["DATABASE_URL"] == "sqlite:///elsewhere"


def test_with_links_each_service_is_told_links_of_its_own_in_place_of_addresses(around: Surroundings) -> None:
    names = ["postgres", "postgres.1", "postgres.2", "valkey", "orders"]
    links = {f"catalog->{name}": Address("127.0.0.1", 9000 + n) for n, name in enumerate(names)}
    before, after = told(around, "catalog"), told(replace(around, links=links), "catalog")
    assert {name: value for name, value in after.items() if before[name] != value} == {
        "DATABASE_URL": "postgresql://catalog:pw-catalog@127.0.0.1:9000/catalog",
        "MAINSTAY_DATABASE_HOSTS": "127.0.0.1:9001,127.0.0.1:9002",
        "DATABASE_REPLICA_URLS": "postgresql://catalog:pw-catalog@127.0.0.1:9002/catalog",
        "CACHE_URL": "redis://:secret@127.0.0.1:9003/0",
        "REDIS_URL": "redis://:secret@127.0.0.1:9003/0",
        "MAINSTAY_URL_ORDERS": "http://127.0.0.1:9004",
        "ORDERS": "http://127.0.0.1:9004",
    }
    assert told(replace(around, links=links), "orders") == told(around, "orders")


def test_a_twins_process_reads_settings_that_keep_it_from_other_databases(around: Surroundings) -> None:
    links = {"orders->postgres": Address("127.0.0.1", 9000), "orders->postgres.1": Address("127.0.0.1", 9001)}
    prove = replace(around.topology.prove, reads=("warehouse", "archive"))
    topology = replace(around.topology, prove=prove)
    env = told(replace(around, topology=topology, links=links, twin=Path("/srv/twin")), "orders")
    assert env["DJANGO_SETTINGS_MODULE"] == "mainstay.db.twin_settings"
    assert env["MAINSTAY_TWIN_SETTINGS"] == "orders.settings"
    assert env["MAINSTAY_TWIN"] == "/srv/twin"
    assert env["MAINSTAY_TWIN_READS"] == "warehouse,archive"
    ports = sorted(int(each.rpartition(":")[2]) for each in env["MAINSTAY_TWIN_HOSTS"].split(","))
    assert ports == [5000, 5001, 5002, 9000, 9001]


def test_the_file_cannot_talk_a_twins_process_out_of_it(around: Surroundings) -> None:
    own = {
        "DJANGO_SETTINGS_MODULE": "orders.live",
        "MAINSTAY_TWIN": "",
        "MAINSTAY_TWIN_HOSTS": "db.example:5432",
    }
    services = tuple(replace(each, env={**each.env, **own}) for each in around.topology.services)
    topology = replace(around.topology, services=services)
    env = told(replace(around, topology=topology, twin=Path("/srv/twin")), "orders")
    assert env["MAINSTAY_TWIN_SETTINGS"] == "orders.live"
    assert env["MAINSTAY_TWIN"] == "/srv/twin"
    assert "db.example" not in env["MAINSTAY_TWIN_HOSTS"]
    assert env["DJANGO_SETTINGS_MODULE"] == "mainstay.db.twin_settings"


def test_the_users_own_system_knows_nothing_of_twins(around: Surroundings) -> None:
    assert not [name for name in told(around, "orders") if "TWIN" in name]
