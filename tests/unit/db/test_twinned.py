"""What a twin's process makes of DATABASES: nothing outside of the twin is ever written."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mainstay.base import wire
from mainstay.base.errors import InvalidInput, OperationFailed
from mainstay.db import twinned
from mainstay.db.twinned import Twin, separate

OWN = frozenset({"127.0.0.1:5000", "127.0.0.1:5001", "127.0.0.1:5002"})


@pytest.fixture
def twin(tmp_path: Path) -> Twin:
    return Twin(tmp_path / "twin", OWN, frozenset({"warehouse"}), "shop.settings")


def file(path: Path, *rows: int, wal: bool = False) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        if wal:
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE shop (row int)")
        connection.executemany("INSERT INTO shop VALUES (?)", [(row,) for row in rows])
        connection.commit()
    return path


def rows(name: str) -> list[int]:
    with closing(sqlite3.connect(name, uri=name.startswith("file:"))) as connection:
        return [row for (row,) in connection.execute("SELECT row FROM shop ORDER BY row")]


def sqlite(name: object, **more: Any) -> dict[str, Any]:
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": name, **more}


def postgres(host: str, port: object = "", **options: Any) -> dict[str, Any]:
    return {"ENGINE": "django.db.backends.postgresql", "HOST": host, "PORT": port, "OPTIONS": options}


@pytest.mark.parametrize("wal", [False, True])
def test_a_file_becomes_a_copy_and_is_left_as_it_is(tmp_path: Path, twin: Twin, wal: bool) -> None:
    real = tmp_path / "shop" / "db.sqlite3"
    real.parent.mkdir()
    before = file(real, 1, 2, wal=wal).read_bytes()
    databases = {"default": sqlite(real)}
    (said,) = separate(databases, twin)
    copy = databases["default"]["NAME"]
    assert Path(copy).parent == twin.folder / wire.TWIN_DATABASES
    assert rows(copy) == [1, 2]
    assert real.read_bytes() == before
    assert [path.name for path in real.parent.iterdir()] == ["db.sqlite3"]
    assert "DATABASES['default'] is a copy of" in said
    assert str(real) in said


def test_a_file_that_somebody_writes_to_is_copied_as_of_one_moment(tmp_path: Path, twin: Twin) -> None:
    real = file(tmp_path / "db.sqlite3", 1, wal=True)
    with closing(sqlite3.connect(real)) as writer:
        writer.execute("INSERT INTO shop VALUES (2)")
        writer.commit()
        writer.execute("INSERT INTO shop VALUES (3)")
        databases = {"default": sqlite(real)}
        separate(databases, twin)
        writer.commit()
    assert rows(databases["default"]["NAME"]) == [1, 2]
    assert rows(str(real)) == [1, 2, 3]


def test_every_process_of_a_twin_has_the_same_copy(tmp_path: Path, twin: Twin) -> None:
    real = file(tmp_path / "db.sqlite3", *range(1000))
    found: list[str] = []

    def separated() -> None:
        databases = {"default": sqlite(real)}
        separate(databases, twin)
        found.append(databases["default"]["NAME"])

    threads = [threading.Thread(target=separated) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    with closing(sqlite3.connect(found[0])) as connection:
        connection.execute("DELETE FROM shop WHERE row > 0")
        connection.commit()
    separated()
    assert rows(found[0]) == [0]  # what the twin wrote stays: nobody copies again


def test_a_file_that_is_not_there_is_not_made_there(tmp_path: Path, twin: Twin) -> None:
    databases = {"default": sqlite(tmp_path / "db.sqlite3")}
    (said,) = separate(databases, twin)
    sqlite3.connect(databases["default"]["NAME"]).close()
    assert not (tmp_path / "db.sqlite3").exists()
    assert "a new file" in said


def test_the_file_is_found_however_it_is_named(
    tmp_path: Path, twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = file(tmp_path / "my db.sqlite3", 7)
    monkeypatch.chdir(tmp_path)
    named = [
        sqlite("my db.sqlite3"),
        sqlite(f"file:{tmp_path}/my%20db.sqlite3?cache=shared"),
        sqlite("", OPTIONS={"database": str(real), "timeout": 5}),
        {"ENGINE": "django.contrib.gis.db.backends.spatialite", "NAME": real},
    ]
    databases = {str(number): entry for number, entry in enumerate(named)}
    assert len(separate(databases, twin)) == 4
    for entry in databases.values():
        assert str(twin.folder) in entry["NAME"]
        assert rows(entry["NAME"]) == [7]
    assert databases["2"]["OPTIONS"] == {"database": databases["2"]["NAME"], "timeout": 5}


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"ENGINE": "django.db.backends.dummy"},
        sqlite(":memory:"),
        sqlite("file:cached?mode=memory&cache=shared"),
        postgres("127.0.0.1", 5000),
        postgres("localhost", "5000"),
        postgres("127.0.0.1,127.0.0.1", "5001,5002"),
    ],
)
def test_what_goes_with_the_twin_stays_as_it_is(entry: dict[str, Any], twin: Twin) -> None:
    before = {"default": dict(entry)}
    databases = {"default": entry}
    assert separate(databases, twin) == ()
    assert databases == before


@pytest.mark.parametrize(
    "entry",
    [
        postgres("db.example", 5432),
        postgres(""),
        postgres("127.0.0.1", 5432),
        postgres("127.0.0.1,db.example", "5000,5000"),
        postgres("127.0.0.1", 5000, hostaddr="192.0.2.1"),
        postgres("127.0.0.1", 5000, service="shop"),
        {"ENGINE": "django.db.backends.mysql", "HOST": "", "PASSWORD": "hush"},
    ],
)
def test_a_database_elsewhere_is_refused_by_name(entry: dict[str, Any], tmp_path: Path, twin: Twin) -> None:
    real = file(tmp_path / "db.sqlite3")
    with pytest.raises(InvalidInput) as refused:
        separate({"default": sqlite(real), "other": entry, "warehouse": entry | {"ENGINE": "x.mysql"}}, twin)
    assert [(each.id, each.where, each.path) for each in refused.value.problems] == [
        ("twin.foreign-database", "shop.settings", "DATABASES['other']"),
        ("twin.foreign-database", "shop.settings", "DATABASES['warehouse']"),
    ]
    assert "hush" not in str(refused.value)
    assert not twin.folder.exists()


def test_one_that_may_be_read_is_held_to_that_by_its_server(twin: Twin) -> None:
    databases = {"warehouse": postgres("db.example", 5432, options="-c statement_timeout=100")}
    (said,) = separate(databases, twin)
    assert databases["warehouse"]["OPTIONS"] == {
        "options": "-c statement_timeout=100 -c default_transaction_read_only=on"
    }
    assert "can only be read" in said


def test_a_file_that_cannot_be_copied_is_not_used(tmp_path: Path, twin: Twin) -> None:
    (tmp_path / "db.sqlite3").write_text("no database, but longer than the header of one" * 20)
    databases = {"default": sqlite(tmp_path / "db.sqlite3")}
    with pytest.raises(OperationFailed, match=r"^twin\.cannot-copy"):
        separate(databases, twin)
    assert not [path for path in twin.copies.iterdir() if path.name.endswith("db.sqlite3")]


def test_who_opens_a_file_while_it_is_copied_byte_by_byte_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = file(tmp_path / "db.sqlite3", 1, wal=True)
    plainly = twinned.shutil.copyfile
    writer: list[sqlite3.Connection] = []

    def copyfile(source: Path, target: Path) -> None:
        writer.append(sqlite3.connect(source))
        writer[0].execute("INSERT INTO shop VALUES (2)")
        writer[0].commit()
        plainly(source, target)

    monkeypatch.setattr(twinned.shutil, "copyfile", copyfile)
    twinned.copy(real, tmp_path / "copy")
    writer[0].close()
    assert rows(str(tmp_path / "copy")) == [1, 2]
