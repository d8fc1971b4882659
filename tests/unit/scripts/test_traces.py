"""Traces of one machine are found; what only looks like one is not."""

from __future__ import annotations

import pytest

from scripts.traces import findings

SLASH = "/"
"""Keeps the samples below from being traces themselves."""


@pytest.mark.parametrize(
    "text",
    [
        "see https://" + "pypi" + ".org/project/mainstay",
        "files." + "pythonhosted" + ".org",
        "-" + "-index-url https://mirror.example/simple",
        f"cwd = {SLASH}root/project",
        f'"{SLASH}home/ada/mainstay"',
    ],
)
def test_trace_is_found(text: str) -> None:
    assert len(findings(f"first line\n{text}\n")) == 1
    assert findings(f"first line\n{text}\n")[0][0] == 2


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/root/page",
        "$HOME/work/mainstay",
        "~/work/mainstay",
        "the work/life balance",
        "/rooted/",
    ],
)
def test_look_alike_is_not(text: str) -> None:
    assert findings(text) == []
