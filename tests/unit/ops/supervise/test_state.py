"""The state folder belongs to one user, one layout, one system, one supervisor."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.supervise import state as module
from mainstay.ops.supervise.state import LAYOUT, StateFolder


@pytest.fixture(autouse=True)
def released(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every folder that a test claims is let go at its end."""
    claim, claimed = StateFolder.claim, []

    def noted(self: StateFolder) -> None:
        claimed.append(self)
        claim(self)

    monkeypatch.setattr(StateFolder, "claim", noted)
    yield
    for folder in claimed:
        folder.release()


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / ".mainstay", "shop")


@pytest.fixture
def claimed(folder: StateFolder) -> StateFolder:
    folder.claim()
    return folder


def again(folder: StateFolder, system: str = "shop") -> StateFolder:
    return StateFolder(folder.path, system)


def refusal(folder: StateFolder) -> OperationFailed:
    with pytest.raises(OperationFailed) as failure:
        folder.claim()
    return failure.value


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- claiming ----------------------------------------------------------------------------


def test_opening_changes_nothing(folder: StateFolder) -> None:
    assert folder.load("ports") == {}
    assert not folder.running()
    assert not folder.path.exists()


def test_a_claimed_folder_is_private(claimed: StateFolder) -> None:
    for path in (claimed.path, claimed.logs, claimed.path / "nodes", claimed.path / "static"):
        assert mode(path) == 0o700
    assert claimed.load("state") == {"layout": LAYOUT, "system": "shop"}


def test_one_that_was_made_too_open_is_made_private(folder: StateFolder) -> None:
    folder.path.mkdir(mode=0o755)
    folder.claim()
    assert mode(folder.path) == 0o700


def test_a_second_supervisor_is_told_who_holds_it(
    claimed: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOCK_PATIENCE", 0.0)
    failure = refusal(again(claimed))
    assert failure.id == "state.already-running"
    assert f"supervisor pid {os.getpid()}" in failure.what
    assert again(claimed).running()


def test_a_released_folder_can_be_claimed(claimed: StateFolder) -> None:
    claimed.release()
    assert not again(claimed).running()
    again(claimed).claim()


def test_one_who_only_looks_does_not_pass_for_a_supervisor(
    claimed: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`running` holds the lock for an instant, and `up` may ask for it in that instant."""
    monkeypatch.setattr(module.time, "sleep", lambda _: claimed.release())
    again(claimed).claim()


def test_another_layout_is_refused(claimed: StateFolder) -> None:
    claimed.release()
    claimed.save("state", {"layout": LAYOUT + 1, "system": "shop"})
    failure = refusal(again(claimed))
    assert failure.id == "state.other-version"
    assert f"layout {LAYOUT + 1}" in failure.what


def test_another_systems_data_is_refused(claimed: StateFolder) -> None:
    claimed.release()
    failure = refusal(again(claimed, "bakery"))
    assert failure.id == "state.other-system"
    assert "'shop'" in failure.what


def test_another_users_folder_is_refused(claimed: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed.release()
    monkeypatch.setattr(module.os, "geteuid", lambda: os.getuid() + 1)
    assert refusal(again(claimed)).id == "state.other-owner"


def test_a_record_that_cannot_be_read_is_named(claimed: StateFolder) -> None:
    claimed.release()
    (claimed.path / "state.json").write_text("{")
    failure = refusal(again(claimed))
    assert failure.id == "state.unreadable"
    assert "state.json" in failure.what


def test_a_file_in_the_folders_place_is_an_error_with_an_id(folder: StateFolder) -> None:
    folder.path.write_text("")
    assert refusal(folder).id in ("state.cannot-write", "state.unreadable")


# --- the control socket --------------------------------------------------------------------


def test_the_socket_stands_in_the_folder(tmp_path: Path) -> None:
    assert StateFolder(Path("/srv/shop/.mainstay"), "shop").socket == Path("/srv/shop/.mainstay/control.sock")


@pytest.fixture
def long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StateFolder:
    short = tmp_path / "tmp"
    short.mkdir()
    monkeypatch.setattr(module.tempfile, "gettempdir", lambda: str(short))
    path = tmp_path / ("deep/" * 30) / ".mainstay"
    path.parent.mkdir(parents=True)
    return StateFolder(path, "shop")


def test_a_path_too_long_for_a_socket_uses_a_private_short_one(long: StateFolder) -> None:
    long.claim()
    assert not long.socket.is_relative_to(long.path)
    assert mode(long.socket.parent) == 0o700
    assert again(long).socket == long.socket, "everybody finds the same one"


def test_two_long_paths_do_not_share_a_socket(long: StateFolder) -> None:
    other = StateFolder(long.path.with_name(".other"), "shop")
    assert other.socket != long.socket


def test_a_short_folder_that_others_can_enter_is_refused(long: StateFolder) -> None:
    long.socket.parent.mkdir(mode=0o755)
    assert refusal(long).id == "state.unsafe-folder"


def test_a_short_folder_that_is_a_link_is_refused(long: StateFolder, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o700)
    long.socket.parent.symlink_to(theirs)
    assert refusal(long).id == "state.unsafe-folder"


# --- records ------------------------------------------------------------------------------


def test_what_was_saved_is_loaded(claimed: StateFolder) -> None:
    claimed.save("ports", {"edge.1": 8000})
    assert again(claimed).load("ports") == {"edge.1": 8000}
    assert mode(claimed.path / "ports.json") == 0o600


def test_a_save_that_is_cut_off_leaves_the_old_record(
    claimed: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed.save("postgres", {"in_sync": ""})

    def cut_off(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", cut_off)
    with pytest.raises(OperationFailed) as failure:
        claimed.save("postgres", {"in_sync": "postgres.2"})
    assert failure.value.id == "state.cannot-write"
    assert failure.value.hint == "free some space there"
    assert claimed.load("postgres") == {"in_sync": ""}


def test_a_record_and_its_folder_are_on_disk_when_save_returns(
    claimed: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []

    def sync(descriptor: int) -> None:
        synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))  # noqa: PTH115, PTH119

    monkeypatch.setattr(module.os, "fsync", sync)
    claimed.save("postgres", {"in_sync": ""})
    assert synced == ["postgres.partial", ".mainstay"]
    claimed.save("pids", {}, durable=False)
    assert len(synced) == 2


def test_secrets_are_made_once_and_kept_private(claimed: StateFolder) -> None:
    first = claimed.secrets(["internal", "django.shop"])
    assert len(set(first.values())) == 2
    assert all(len(secret) >= 40 for secret in first.values())
    assert mode(claimed.path / "secrets.json") == 0o600
    later = again(claimed).secrets(["internal", "django.shop", "postgres.shop"])
    assert {name: later[name] for name in first} == first
    assert json.loads((claimed.path / "secrets.json").read_text()) == later


def test_everything_is_removed(claimed: StateFolder) -> None:
    claimed.release()
    claimed.remove()
    assert not claimed.path.exists()
    claimed.remove()


def test_what_vanishes_while_it_is_removed_does_not_keep_the_rest(
    claimed: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is just ending deletes its own socket."""
    remove, asked = shutil.rmtree, []

    def rmtree(path: Path, **more: object) -> None:
        asked.append(path)
        if asked.count(claimed.path) == 1 and path == claimed.path:
            raise FileNotFoundError(2, "No such file or directory", "nodes/postgres.1/.s.PGSQL.5432")
        remove(path, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(shutil, "rmtree", rmtree)
    claimed.remove()
    assert not claimed.path.exists()


def test_what_cannot_be_removed_is_named(claimed: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **_: object) -> None:
        if path == claimed.path:
            raise PermissionError(13, "Permission denied", str(path / "nodes"))

    monkeypatch.setattr(module.shutil, "rmtree", refuse)
    with pytest.raises(OperationFailed, match=r"state.cannot-remove .*nodes: Permission denied"):
        claimed.remove()
