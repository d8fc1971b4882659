from __future__ import annotations

from pathlib import Path

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines import folder
from mainstay.ops.engines.engine import File, Node

from .golden import NODE


def test_texts_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    node = Node("x.1", tmp_path / "x.1", NODE.address)
    folder.write(node, [File("deep/secret", "s"), File("open", "o", 0o644)])
    assert (node.config / "deep/secret").stat().st_mode & 0o777 == 0o600
    assert (node.config / "open").stat().st_mode & 0o777 == 0o644
    assert node.config.stat().st_mode & 0o777 == 0o700


def test_a_text_is_replaced_and_its_mode_too(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("old")
    path.chmod(0o666)
    folder.replace(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_refusal_keeps_the_old_text_and_the_machines_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(
        OperationFailed, match=r"could not be written: (File exists|Not a directory)"
    ) as failed:
        folder.replace(tmp_path / "file" / "text", "new")
    assert failed.value.id == "engine.cannot-write"
    with pytest.raises(OperationFailed, match=r"could not be written"):
        folder.make(tmp_path / "file" / "below")


def test_a_full_disk_is_said_as_such() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this machine has no /dev/full")
    with pytest.raises(OSError, match="No space left") as error, full.open("w") as stream:
        stream.write("x")
        stream.flush()
    assert "No space left on device" in str(folder.refused(full, error.value))
