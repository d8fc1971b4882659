"""What is wrong is said once, with an id and an exit code; nothing is left running."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.running import Running, plain_project

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Running]:
    running = plain_project(tmp_path / "plain")
    yield running
    running.end()
    assert running.left() == set()


def refused(running: Running, code: int, *words: str) -> str:
    """`up` ends with this exit code and says these words, detached or not, and nothing runs."""
    told = ""
    for how in (("up",), ("up", "--detach")):
        done = running.mainstay(*how, check=False, limit=90)
        if how[-1] == "--detach" and done.returncode == 0:
            done = running.mainstay("wait", "--timeout", "60", check=False, limit=90)
        told = done.stdout + done.stderr
        assert done.returncode == code, told
        for word in words:
            assert word in told
        assert "Traceback" not in done.stderr
        assert running.left() == set()
    return told


def replace_in(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_settings_that_do_not_import_show_the_users_own_line(plain: Running) -> None:
    settings = plain.folder / "shop" / "settings.py"
    settings.write_text(settings.read_text() + "\nimport no_such_module_anywhere\n")
    told = refused(plain, 1, "no_such_module_anywhere", "settings.py")
    assert "mainstay/" not in told.split("no_such_module_anywhere")[0].split("service.cannot-prepare")[-1]


def test_urls_that_do_not_import_are_found_before_anybody_is_served(plain: Running) -> None:
    urls = plain.folder / "shop" / "urls.py"
    urls.write_text(urls.read_text() + "\nraise RuntimeError('no such page')\n")
    refused(plain, 1, "no such page", "urls.py")


def test_a_failing_migration_names_itself(plain: Running) -> None:
    app = plain.folder / "shelf" / "migrations"
    app.mkdir(parents=True)
    for package in (app.parent, app):
        (package / "__init__.py").touch()
    (app / "0001_broken.py").write_text(
        "from django.db import migrations\n"
        "class Migration(migrations.Migration):\n"
        "    operations = [migrations.RunSQL('SELECT no_such_column')]\n"
    )
    replace_in(
        plain.folder / "shop" / "settings.py", "INSTALLED_APPS = [", "INSTALLED_APPS = [\n    'shelf',"
    )
    refused(plain, 1, "shelf.0001_broken", "no_such_column")


def test_a_service_that_never_becomes_ready_is_quoted(plain: Running) -> None:
    replace_in(plain.folder / "mainstay.toml", "[edge]", "[timeouts]\nready = 8\n[edge]")
    asgi = plain.folder / "shop" / "asgi.py"
    asgi.write_text(
        "import time\nprint('still looking for the key', flush=True)\ntime.sleep(60)\n" + asgi.read_text()
    )
    refused(plain, 1, "process.not-ready", "still looking for the key")


def test_a_busy_port_names_its_holder(plain: Running) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        replace_in(plain.folder / "mainstay.toml", "port = 0", f"port = {port}")
        refused(plain, 2, "port.busy", str(port), str(os.getpid()))


def test_a_missing_engine_says_what_to_install(plain: Running) -> None:
    with (plain.folder / "mainstay.toml").open("a") as file:
        file.write('\n[engine.postgres]\nprogram = "/nowhere/postgres"\n')
    refused(plain, 2, "engine.postgres-missing", "/nowhere/postgres")


def test_all_mistakes_of_a_file_are_told_at_once(plain: Running) -> None:
    good = (plain.folder / "mainstay.toml").read_text()
    (plain.folder / "mainstay.toml").write_text(
        '[edge]\nprot = 1\n[service.web]\nreplicas = "two"\nneeds = ["postgress"]\n'
    )
    refused(plain, 2, "edge.prot", "did you mean 'port'?", "replicas", "postgress")
    (plain.folder / "mainstay.toml").write_text(good)


def test_a_state_folder_of_another_version_is_left_alone(plain: Running) -> None:
    folder = plain.folder / ".mainstay"
    folder.mkdir(mode=0o700)
    (folder / "state.json").write_text('{"layout": 99, "system": "plain"}')
    refused(plain, 2, "state.other-version")
    assert (folder / "state.json").read_text() == '{"layout": 99, "system": "plain"}'


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_state_folder_of_another_owner_is_left_alone(plain: Running) -> None:
    folder = plain.folder / ".mainstay"
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    refused(plain, 2, "state.other-owner")
    shutil.rmtree(folder)


def test_a_full_disk_is_named_and_stops_the_start(plain: Running) -> None:
    """A file system of 24 MB, in a mount namespace of its own: a database cluster does not fit."""
    state = plain.folder / ".mainstay"
    state.mkdir(mode=0o700)
    up = f"exec {sys.executable} -m mainstay.cli --file {plain.folder} up"
    command = f"mount -t tmpfs -o size=24m tmpfs {state} && {up}"
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "--fork", "--kill-child", "sh", "-c", command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    told = done.stdout + done.stderr
    if "Operation not permitted" in done.stderr and "mount" in done.stderr:
        pytest.skip("this machine forbids mount namespaces")
    assert done.returncode in (1, 2), told
    assert "No space left on device" in told
    assert "Traceback" not in told
    assert plain.left() == set()
