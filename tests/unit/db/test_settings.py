from __future__ import annotations

import pytest

from mainstay.base.errors import InvalidInput
from mainstay.db.connections import CertainConnection
from mainstay.db.settings import databases

URL = "postgresql://app:p%40ss@10.0.0.1:5433/shop"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAINSTAY_KIND", "MAINSTAY_DATABASE_HOSTS", "DATABASE_REPLICA_URLS", "MAINSTAY_POOL_MAX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABASE_URL", URL)


def test_url_is_taken_apart_and_unquoted() -> None:
    default = databases()["default"]
    assert (default["NAME"], default["USER"], default["PASSWORD"]) == ("shop", "app", "p@ss")
    assert (default["HOST"], default["PORT"]) == ("10.0.0.1", "5433")


def test_pool_is_sized_by_the_plan_and_checked_by_django(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINSTAY_POOL_MAX", "7")
    default = databases()["default"]
    pool = default["OPTIONS"]["pool"]
    assert (pool["min_size"], pool["max_size"], pool["connection_class"]) == (1, 7, CertainConnection)
    assert default["CONN_HEALTH_CHECKS"] is True
    assert default["CONN_MAX_AGE"] == 0
    assert "check" not in pool, "Django passes its own; two make every request an error"


def test_every_node_is_offered_and_only_a_primary_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINSTAY_DATABASE_HOSTS", "10.0.0.1:5433,10.0.0.2:5434")
    default = databases()["default"]
    assert (default["HOST"], default["PORT"]) == ("10.0.0.1,10.0.0.2", "5433,5434")
    assert default["OPTIONS"]["target_session_attrs"] == "read-write"


def test_dead_peers_are_noticed_in_seconds() -> None:
    options = databases()["default"]["OPTIONS"]
    assert options["connect_timeout"] == 2
    assert options["tcp_user_timeout"] == 3000
    assert options["keepalives_idle"] + options["keepalives_interval"] * options["keepalives_count"] <= 10


def test_sessions_carry_limits_and_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINSTAY_STATEMENT_TIMEOUT", "2.5")
    monkeypatch.setenv("MAINSTAY_LOCK_TIMEOUT", "0.5")
    monkeypatch.setenv("MAINSTAY_REPLICA", "shop.web.1")
    options = databases()["default"]["OPTIONS"]
    assert options["application_name"] == "shop.web.1"
    assert "-c lock_timeout=500" in options["options"]
    assert "-c statement_timeout=2500" in options["options"]
    assert "-c idle_in_transaction_session_timeout=30000" in options["options"]


def test_one_off_commands_have_no_pool_and_take_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINSTAY_KIND", "manage")
    options = databases()["default"]["OPTIONS"]
    assert "pool" not in options
    assert "statement_timeout" not in options["options"]


def test_standbys_are_one_alias_of_any_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "DATABASE_REPLICA_URLS", "postgresql://app:x@10.0.0.2:1/shop, postgresql://app:x@10.0.0.3:2/shop"
    )
    replica = databases()["replica"]
    assert (replica["HOST"], replica["PORT"]) == ("10.0.0.2,10.0.0.3", "1,2")
    assert replica["OPTIONS"]["target_session_attrs"] == "any"
    assert replica["TEST"] == {"MIRROR": "default"}
    assert replica["OPTIONS"]["pool"]["timeout"] < databases()["default"]["OPTIONS"]["pool"]["timeout"]


def test_query_parameters_of_the_url_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL + "?sslmode=require&connect_timeout=9")
    options = databases()["default"]["OPTIONS"]
    assert (options["sslmode"], options["connect_timeout"]) == ("require", "9")


@pytest.mark.parametrize(
    "url", ["mysql://app@db/shop", "shop.sqlite", "postgresql://app@db", "postgresql://app@db:port/shop"]
)
def test_unusable_url_is_refused_without_its_password(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", url.replace("app@", "app:hunter2@"))
    with pytest.raises(InvalidInput) as error:
        databases()
    assert error.value.problems[0].path == "DATABASE_URL"
    assert "hunter2" not in str(error.value)


def test_sqlite_waits_for_its_one_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:////srv/shop.db")
    default = databases()["default"]
    assert default["NAME"] == "/srv/shop.db"
    assert default["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


@pytest.mark.parametrize(("name", "value"), [("MAINSTAY_POOL_MAX", "0"), ("MAINSTAY_LOCK_TIMEOUT", "-1")])
def test_wrong_numbers_are_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidInput) as error:
        databases()
    assert (error.value.problems[0].path, error.value.problems[0].found) == (name, repr(value))
