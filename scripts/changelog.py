"""
Changelog fragments: one file per change in ``changelog.d``, put together at a release.

A fragment is named ``<issue>.<kind>.md`` (or ``<issue>.<word>.<kind>.md`` for a second one) and
holds whole sentences for the user. ``--check`` judges them; ``--release VERSION`` moves them
into CHANGELOG.md.
"""

from __future__ import annotations

import argparse
import datetime
import re
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("security", "removed", "deprecated", "added", "changed", "fixed")
NAME = re.compile(rf"\d+(?:\.[a-z0-9-]+)?\.({'|'.join(KINDS)})\.md")
MARK = "<!-- releases, newest first -->\n"


def fragments(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name != "README.md")


def problems(paths: Iterable[Path]) -> list[str]:
    """What is wrong with fragments: a name of another form, no text, no whole sentence."""
    found = []
    for path in paths:
        text = path.read_text().strip()
        if not NAME.fullmatch(path.name):
            found.append(f"{path.name}: expected <issue>.<kind>.md with a kind out of {', '.join(KINDS)}")
        elif not text:
            found.append(f"{path.name}: is empty")
        elif not text[0].isupper() or text[-1] != ".":
            found.append(
                f"{path.name}: expected whole sentences, with a capital at the start and a stop at the end"
            )
    return found


def section(version: str, day: datetime.date, paths: Iterable[Path]) -> str:
    """The text of one release, grouped by kind in the order of `KINDS`."""
    grouped: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for path in paths:
        match = NAME.fullmatch(path.name)
        assert match is not None
        entry = path.read_text().strip().replace("\n", "\n  ")
        grouped[match.group(1)].append(f"- {entry} (#{path.name.split('.')[0]})")
    parts = [f"### {kind.capitalize()}\n\n" + "\n".join(rows) for kind, rows in grouped.items() if rows]
    return f"## {version} ({day.isoformat()})\n\n" + "\n\n".join(parts) + "\n"


def release(root: Path, version: str, day: datetime.date) -> None:
    """
    Move every fragment into CHANGELOG.md under a new heading.

    Raises:
        SystemExit: A fragment is wrong, or there is none.
    """
    paths = fragments(root / "changelog.d")
    if wrong := problems(paths):
        sys.exit("\n".join(wrong))
    if not paths:
        sys.exit("changelog.d holds no fragment: there is nothing to release")
    changelog = root / "CHANGELOG.md"
    before, mark, after = changelog.read_text().partition(MARK)
    changelog.write_text(before + mark + "\n" + section(version, day, paths) + after)
    for path in paths:
        path.unlink()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--check", action="store_true", help="judge the fragments")
    action.add_argument("--release", metavar="VERSION", help="move them into CHANGELOG.md")
    arguments = parser.parse_args()
    if arguments.release:
        release(ROOT, arguments.release, datetime.datetime.now(datetime.UTC).date())
        return 0
    wrong = problems(fragments(ROOT / "changelog.d"))
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
