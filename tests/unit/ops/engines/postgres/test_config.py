from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mainstay.ops.engines.engine import Address, Node
from mainstay.ops.engines.postgres.config import (
    HBA,
    Role,
    conninfo,
    dsn,
    files,
    replication,
    secret_names,
    settings,
    slot_of,
    synchronous_names,
)
from mainstay.ops.topology.values import Postgres

from ..golden import NODE, assert_approved, program

OTHER = Address("127.0.0.1", 4009)
SECRETS = {"postgres.superuser": "su:per\\", "postgres.replicator": "copy", "postgres.order-api": "a/b@c"}
DECLARED = Postgres("", 0, 1, True, "available", max_connections=60, reserved_connections=10)
PROGRAM = program("postgres", "18.6", "pg_stat_statements")


def test_a_primary_that_waits_for_a_standby() -> None:
    role = Role(synchronous=("postgres.2",))
    assert_approved("postgres/primary", files(NODE, PROGRAM, DECLARED, SECRETS, role))


def test_a_standby() -> None:
    assert_approved("postgres/standby", files(NODE, PROGRAM, DECLARED, SECRETS, Role(upstream=OTHER)))


def test_a_standbys_text_never_makes_commits_wait() -> None:
    role = Role(upstream=OTHER, synchronous=("postgres.3",))
    text = {file.name: file.text for file in files(NODE, PROGRAM, DECLARED, SECRETS, role)}
    assert "synchronous_standby_names = ''\n" in text["replication.conf"]
    assert not any("postgres.3" in each for each in text.values())


def test_only_the_roles_file_differs_between_roles() -> None:
    primary, standby = (
        files(NODE, PROGRAM, DECLARED, SECRETS, role) for role in (Role(), Role(upstream=OTHER))
    )
    assert [one.name for one, other in zip(primary, standby, strict=True) if one != other] == [
        "replication.conf"
    ]


def test_what_a_promotion_takes_away_can_be_changed_by_a_reload() -> None:
    """Else the server says after each failover that its configuration file contains errors."""
    sighup = {"synchronous_standby_names", "primary_conninfo", "primary_slot_name"}
    for role in (Role(synchronous=("postgres.2",)), Role(upstream=OTHER)):
        assert set(replication(NODE, role)) <= sighup


def test_a_commit_waits_for_every_named_node() -> None:
    assert synchronous_names(("postgres.2", 'odd"name')) == 'FIRST 2 ("postgres.2", "odd""name")'
    assert synchronous_names(()) == ""


@pytest.mark.parametrize(("version", "workers"), [("15.18", False), ("17.2", False), ("18.6", True)])
def test_settings_that_a_version_does_not_know_are_left_out(version: str, workers: bool) -> None:
    assert ("io_workers" in settings(NODE, program("postgres", version), DECLARED)) is workers


def test_a_library_that_is_not_there_is_not_loaded() -> None:
    assert "shared_preload_libraries" not in settings(NODE, program("postgres", "15.0"), DECLARED)


def test_the_supervisor_keeps_connections_for_itself() -> None:
    assert settings(NODE, PROGRAM, DECLARED)["superuser_reserved_connections"] == "5"
    scarce = replace(DECLARED, reserved_connections=1)
    assert settings(NODE, PROGRAM, scarce)["superuser_reserved_connections"] == "3"


def test_nobody_is_trusted_and_nobody_comes_from_outside() -> None:
    lines = [line.split() for line in HBA.splitlines() if not line.startswith("#")]
    assert {line[-1] for line in lines} == {"scram-sha-256"}
    assert {line[3] for line in lines} == {"127.0.0.0/8", "::1/128"}


def test_paths_with_quotes_survive_two_levels_of_quotation() -> None:
    odd = Node("postgres.1", Path("/it's a \\ folder"), NODE.address)
    assert "passfile='/it\\'s a \\\\ folder/config/pgpass'" in conninfo(OTHER, odd, application="x")
    text = files(odd, PROGRAM, DECLARED, SECRETS, Role(upstream=OTHER))[1].text
    assert "passfile=''/it\\\\''s a \\\\\\\\ folder/config/pgpass''" in text


def test_url_of_a_service() -> None:
    assert dsn("order-api", OTHER, SECRETS) == "postgresql://order_api:a%2Fb%40c@127.0.0.1:4009/order_api"


def test_names() -> None:
    assert secret_names(("a",)) == ("postgres.superuser", "postgres.replicator", "postgres.a")
    assert slot_of("postgres.2") == "postgres_2"
