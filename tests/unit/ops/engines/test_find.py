from __future__ import annotations

import os
import sysconfig
from pathlib import Path

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines.engine import Program
from mainstay.ops.engines.find import (
    Candidate,
    Verdict,
    ask,
    choose,
    examine_version,
    in_distribution,
    in_package,
    version_in,
)


def executable(path: Path, says: str = "thing v1.2.3") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def accept(candidate: Candidate) -> Verdict:
    return Verdict(Program("thing", candidate.path, "1", candidate.source, ""))


def refuse_system(candidate: Candidate) -> Verdict:
    return Verdict(None, "too old") if candidate.source == "system" else accept(candidate)


def look(
    explicit: str = "", *, folders: tuple[str, ...] = (), wheel: Path | None = None, examine: object = accept
) -> Program:
    return choose(
        "thing",
        explicit=explicit,
        names=("thing",),
        folders=folders,
        wheel=lambda: wheel,
        examine=examine,  # type: ignore[arg-type]
        install="install thing",
    )


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return executable(tmp_path / "bin" / "thing")


def test_what_the_file_names_wins(on_path: Path, tmp_path: Path) -> None:
    named = executable(tmp_path / "elsewhere" / "thing")
    assert look(str(named)) == Program("thing", named, "1", "explicit", "")
    assert look(str(named.parent)).path == named
    assert look("thing").path == on_path


def test_nothing_replaces_what_the_file_names(on_path: Path, tmp_path: Path) -> None:
    with pytest.raises(OperationFailed, match="there is no such program") as failed:
        look(str(tmp_path / "missing"))
    assert failed.value.id == "engine.thing-missing"
    assert failed.value.hint == "install thing"


def test_the_machines_own_comes_before_the_wheel(on_path: Path, tmp_path: Path) -> None:
    wheel = executable(tmp_path / "wheel" / "thing")
    assert look(wheel=wheel).source == "system"


def test_the_wheel_is_taken_when_the_machines_own_will_not_do(on_path: Path, tmp_path: Path) -> None:
    wheel = executable(tmp_path / "wheel" / "thing")
    assert look(wheel=wheel, examine=refuse_system).path == wheel


def test_every_refusal_is_told(on_path: Path) -> None:
    with pytest.raises(OperationFailed) as failed:
        look(examine=refuse_system)
    assert failed.value.details == (f"{on_path} (system): too old",)


@pytest.mark.usefixtures("on_path")
def test_the_newest_folder_is_looked_at_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    for version in ("9.6", "15", "17"):
        executable(tmp_path / "lib" / version / "thing")
    assert look(folders=(f"{tmp_path}/lib/*",)).path.parent.name == "17"


def test_scripts_beside_the_interpreter_are_not_the_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = executable(tmp_path / "venv" / "thing")
    wheel = executable(tmp_path / "wheel" / "thing")
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(own.parent))
    monkeypatch.setenv("PATH", str(own.parent))
    assert look(wheel=wheel) == Program("thing", wheel, "1", "wheel", "")


def test_a_version_is_asked_and_compared_as_numbers(tmp_path: Path) -> None:
    path = executable(tmp_path / "thing", "thing v1.10.0 of today")
    examine = examine_version("thing", r"v([\d.]+)", (1, 9), "--version")
    found = examine(Candidate(path, "system")).program
    assert found is not None
    assert (found.version, found.source) == ("1.10.0", "system")
    assert str(path) in found.reason
    newer = examine_version("thing", r"v([\d.]+)", (1, 11), "--version")
    assert newer(Candidate(path, "system")).refusal == "is 1.10.0, but at least 1.11 is needed"


def test_a_program_that_says_no_version_will_not_do(tmp_path: Path) -> None:
    examine = examine_version("thing", r"v([\d.]+)", (1,), "--version")
    path = executable(tmp_path / "thing", "hello")
    assert "did not answer --version" in examine(Candidate(path, "system")).refusal


def test_a_program_that_cannot_run_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "thing"
    path.write_text("no program")
    assert ask(path, "--version") == ""
    assert version_in("", r"v([\d.]+)") is None


def test_files_of_packages_are_found_without_importing_them() -> None:
    assert in_package("mainstay", "ops/engines/find.py") is not None
    assert in_package("no_such_package", "*") is None
    assert in_distribution("no-such-distribution", "x") is None
    found = in_distribution("pytest", "pytest")
    assert found is not None
    assert found.exists()
