from __future__ import annotations

from pathlib import Path

from mainstay.ops.engines.find import Candidate, Verdict
from mainstay.ops.engines.nginx.program import examine, examine_strictly

SCRIPT = """#!/bin/sh
if [ "$1" = -v ]; then echo 'nginx version: nginx/{version}' >&2; exit; fi
for last; do :; done
if grep -Eq '{refused}' "$last"; then echo 'unknown directive' >&2; exit 1; fi
echo 'nginx: configuration file test is successful' >&2
"""


def fake(folder: Path, version: str, refused: str) -> Path:
    path = folder / "nginx"
    path.write_text(SCRIPT.format(version=version, refused=refused))
    path.chmod(0o755)
    return path


def look(folder: Path, version: str, refused: str) -> Verdict:
    return examine(Candidate(fake(folder, version, refused), "system"))


def test_features_are_what_the_program_accepts(tmp_path: Path) -> None:
    found = look(tmp_path, "1.31.3", refused="stub_status").program
    assert found is not None
    assert found.version == "1.31.3"
    assert found.features == {"keepalive_min_timeout", "headers-more"}


def test_one_that_breaks_kept_connections_is_second_choice_unless_named(tmp_path: Path) -> None:
    path = fake(tmp_path, "1.22.1", refused="keepalive_min_timeout")
    assert "over a reload" in examine_strictly(Candidate(path, "system")).refusal
    assert examine_strictly(Candidate(path, "explicit")).program is not None
    assert examine(Candidate(path, "system")).program is not None


def test_an_old_one_is_refused(tmp_path: Path) -> None:
    assert look(tmp_path, "1.18.0", refused="nothing").refusal == "is 1.18.0, but at least 1.22 is needed"


def test_one_without_zones_is_refused(tmp_path: Path) -> None:
    assert "upstream zones" in look(tmp_path, "1.22.1", refused="upstream").refusal


def test_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nginx"
    path.write_text("#!/bin/sh\necho hello\n")
    path.chmod(0o755)
    assert examine(Candidate(path, "system")).refusal == "did not answer -v with a version"
