from __future__ import annotations

from pathlib import Path

import pytest

from mainstay.ops.engines.engine import Source
from mainstay.ops.engines.find import Candidate, Verdict
from mainstay.ops.engines.haproxy.program import examine

BUILT = "Feature list : -51DEGREES +EPOLL +LUA +PROMEX -QUIC"


def look(folder: Path, version: str, built: str = BUILT, source: Source = "system") -> Verdict:
    path = folder / "haproxy"
    path.write_text(
        f"#!/bin/sh\necho 'HAProxy version {version} 2026/01/01 - https://haproxy.org/'\necho '{built}'\n"
    )
    path.chmod(0o755)
    return examine(Candidate(path, source))


def test_a_recent_one_is_taken_with_its_features(tmp_path: Path) -> None:
    found = look(tmp_path, "2.8.25-5cf5d0683").program
    assert found is not None
    assert found.version == "2.8.25"
    assert found.features == {"EPOLL", "LUA", "PROMEX"}


@pytest.mark.parametrize("source", ["system", "wheel", "explicit"])
def test_one_that_loses_resets_is_refused_even_when_named(tmp_path: Path, source: Source) -> None:
    refusal = look(tmp_path, "2.6.12-1+deb12u4", source=source).refusal
    assert refusal == "is 2.6.12, but at least 2.8 is needed: older ones fail requests to a killed replica"


def test_one_without_metrics_is_refused(tmp_path: Path) -> None:
    assert look(tmp_path, "3.0.1", built="Feature list : -PROMEX").refusal == "3.0.1 was built without PROMEX"


def test_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "haproxy"
    path.write_text("#!/bin/sh\necho hello\n")
    path.chmod(0o755)
    assert examine(Candidate(path, "system")).refusal == "did not answer -vv with a version"
