"""The state folder on a disk that is full, and under two supervisors at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mainstay.ops.supervise.state import StateFolder

FULL = """
import resource, sys
from pathlib import Path
from mainstay.base.errors import OperationFailed
from mainstay.ops.supervise.state import StateFolder
state = StateFolder(Path(sys.argv[1]), "shop")
state.claim()
state.save("postgres", {"primary": "postgres.1", "in_sync": ""})
resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
try:
    state.save("postgres", {"primary": "postgres.1", "in_sync": "postgres.2", "more": "x" * 1000})
except OperationFailed as error:
    print(error.id)
"""

HOLD = """
import sys
from pathlib import Path
from mainstay.ops.supervise.state import StateFolder
state = StateFolder(Path(sys.argv[1]), "shop")
state.claim()
print("claimed", flush=True)
sys.stdin.read()
"""


def run(code: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_record_that_does_not_fit_is_an_error_and_the_old_one_stays(tmp_path: Path) -> None:
    folder = tmp_path / ".mainstay"
    assert run(FULL, folder) == "state.cannot-write"
    assert StateFolder(folder, "shop").load("postgres") == {"primary": "postgres.1", "in_sync": ""}


def test_the_folder_is_held_until_its_holder_ends_however_it_ends(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / ".mainstay", "shop")
    command = [sys.executable, "-c", HOLD, str(folder.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"claimed\n"
        assert folder.running()
        with pytest.raises(Exception, match=rf"state.already-running.*pid {holder.pid}"):
            folder.claim()
        holder.kill()
        holder.wait()
    assert not folder.running()
    folder.claim()
    folder.release()
