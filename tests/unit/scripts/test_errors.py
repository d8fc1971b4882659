"""The page of errors has words where a sentence is filled in, and not the source's names."""

from __future__ import annotations

import pytest

from scripts.reference import errors


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{__name__}: {error}", "*kind*: *error*"),
        ("{place}{strerror}", "*place* *reason*"),
        ("Exit code {exit_code}", "Exit code *exit code*"),
        ("`mainstay logs {name}` of {name}", "`mainstay logs <name>` of *name*"),
        (
            'such as {valkey.url}, {NAME: 1}, { command = "…" }',
            'such as {valkey.url}, {NAME: 1}, { command = "…" }',
        ),
    ],
)
def test_parts_are_words(text: str, shown: str) -> None:
    assert errors.shown(text) == shown


def test_a_number_that_the_source_has_a_name_for_is_that_number() -> None:
    (expected,) = errors.found()["limits.bad-scope"].texts
    assert "at most 64 letters" in expected


def test_the_page_has_no_braces_left() -> None:
    assert "{__name__}" not in errors.page()
    assert '<a id="engine.engine-missing"></a>\n\n### `engine.<engine>-missing`' in errors.page()
