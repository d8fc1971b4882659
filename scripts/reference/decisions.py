"""The list of decisions, from the first line of each."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "decisions"
HEAD = """\
# Decisions

One page for each decision that is hard to reverse or looks odd at first: context, decision, consequences,
what was rejected.
"""


def page() -> str:
    pages = sorted(path for path in FOLDER.glob("*.md") if path.name != "index.md")
    return HEAD + "\n" + "\n".join(f"- [{_title(path)}]({path.name})" for path in pages) + "\n"


def _title(path: Path) -> str:
    return path.read_text().splitlines()[0].lstrip("# ")
