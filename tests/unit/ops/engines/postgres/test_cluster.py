from __future__ import annotations

import os
from pathlib import Path

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines.postgres import cluster
from mainstay.ops.engines.postgres.cluster import Identity, identity

CONTROL = """\
pg_control version number:            1800
Database system identifier:           7590000000000000001
Database cluster state:               in archive recovery
Latest checkpoint's TimeLineID:       1
Latest checkpoint's PrevTimeLineID:   1
Min recovery ending loc's timeline:   2
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    (data / "pg_replslot" / "postgres_2").mkdir(parents=True)
    (data / "PG_VERSION").write_text("15\n")
    return data


def test_another_major_version_is_named(data: Path) -> None:
    cluster.check_version(data, 15)
    with pytest.raises(OperationFailed, match="written by PostgreSQL 15, but PostgreSQL 18") as failed:
        cluster.check_version(data, 18)
    assert failed.value.id == "postgres.other-version"


def test_a_dead_servers_lock_file_is_forgotten(data: Path) -> None:
    (data / "postmaster.pid").write_text("1\n")
    cluster.check_stopped(data)
    assert not (data / "postmaster.pid").exists()


def test_a_process_that_works_in_the_folder_is_seen(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cluster.stray_pids(data) == ()
    monkeypatch.chdir(data)
    assert cluster.stray_pids(data) == (os.getpid(),)
    (data / "postmaster.pid").write_text("1\n")
    with pytest.raises(OperationFailed, match=str(os.getpid())):
        cluster.check_stopped(data)
    assert (data / "postmaster.pid").exists()


def test_a_copys_role_is_forgotten_and_a_persons_settings_are_kept(data: Path) -> None:
    auto = data / "postgresql.auto.conf"
    auto.write_text(
        "# Do not edit\nwork_mem = '8MB'\nsynchronous_standby_names = 'x'\nprimary_conninfo='host=1'\n"
    )
    cluster.forget_role(data)
    assert auto.read_text() == "# Do not edit\nwork_mem = '8MB'\n"


def test_a_standby_keeps_no_slots_of_its_past(data: Path) -> None:
    assert not cluster.is_standby(data)
    cluster.become_standby(data)
    assert cluster.is_standby(data)
    assert list((data / "pg_replslot").iterdir()) == []
    cluster.become_recoverable(data)
    assert not cluster.is_standby(data)


def test_fresh_data_takes_the_place_of_the_old(data: Path) -> None:
    fresh = data.with_name("data.new")
    fresh.mkdir()
    (fresh / "PG_VERSION").write_text("18\n")
    cluster.put_in_place(fresh, data)
    assert (data / "PG_VERSION").read_text() == "18\n"
    assert [each.name for each in data.parent.iterdir()] == ["data"]


def test_identity_takes_the_latest_timeline_that_is_known() -> None:
    assert identity(CONTROL) == Identity("7590000000000000001", 2)
    assert identity(CONTROL.replace("timeline:   2", "timeline:   0")) == Identity("7590000000000000001", 1)
    assert identity("pg_controldata: error: could not open file") is None
