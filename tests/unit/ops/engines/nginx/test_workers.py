from __future__ import annotations

from pathlib import Path

import pytest

from mainstay.ops.engines.engine import Address
from mainstay.ops.engines.nginx import workers

HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
ROW = (
    "   0: 0100007F:D6D2 {remote} {state} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1 0\n"
)


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A process table: a master with a worker, one that is leaving, and somebody else's process."""
    monkeypatch.setattr(workers, "PROC", tmp_path)
    process(tmp_path, 10, 1, "nginx: master process nginx -p /state/")
    process(tmp_path, 11, 10, "nginx: worker process", 501, 502)
    process(tmp_path, 12, 10, "nginx: worker process is shutting down", 503)
    process(tmp_path, 99, 1, "python", 504)
    (tmp_path / "net").mkdir()
    return tmp_path


def process(proc: Path, pid: int, parent: int, title: str, *inodes: int) -> None:
    folder = proc / str(pid)
    (folder / "fd").mkdir(parents=True)
    (folder / "cmdline").write_text(title + "\0")
    (folder / "stat").write_text(f"{pid} (odd ) name) S {parent} 0 0")
    for number, inode in enumerate(inodes):
        (folder / "fd" / str(number)).symlink_to(f"socket:[{inode}]")
    (folder / "fd" / "9").symlink_to("/dev/null")


def connections(proc: Path, table: str, *rows: tuple[str, str, int]) -> None:
    lines = [ROW.format(remote=remote, state=state, inode=inode) for remote, state, inode in rows]
    (proc / "net" / table).write_text(HEADER + "".join(lines))


def test_workers_and_which_are_leaving(proc: Path) -> None:
    assert workers.Master(10).workers() == {11: False, 12: True}


def test_only_established_sockets_of_workers_towards_the_address_count(proc: Path) -> None:
    connections(
        proc,
        "tcp",
        ("0100007F:1389", "01", 501),
        ("0100007F:138A", "01", 502),
        ("0100007F:1389", "01", 503),
        ("0100007F:1389", "01", 504),
        ("0100007F:1389", "06", 0),
    )
    assert workers.Master(10).sockets(Address("127.0.0.1", 5001)) == 2


def test_ipv6_sockets_are_read(proc: Path) -> None:
    connections(proc, "tcp6", ("00000000000000000000000001000000:1389", "01", 501))
    assert workers.Master(10).sockets(Address("::1", 5001)) == 1


def test_a_master_is_found_by_its_file(proc: Path, tmp_path: Path) -> None:
    (tmp_path / "nginx.pid").write_text("10\n")
    assert workers.find(tmp_path / "nginx.pid") == workers.Master(10)


@pytest.mark.parametrize("written", ["99\n", "1234\n", "", "garbage"])
def test_a_number_given_to_another_process_is_no_master(proc: Path, tmp_path: Path, written: str) -> None:
    (tmp_path / "nginx.pid").write_text(written)
    assert workers.find(tmp_path / "nginx.pid") is None


def test_no_file_is_no_master(proc: Path, tmp_path: Path) -> None:
    assert workers.find(tmp_path / "nginx.pid") is None
