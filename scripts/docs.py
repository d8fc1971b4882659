"""
Build the documentation into ``site/``: reference pages from the code, then the pages, warnings as errors.

With ``--check`` nothing in ``docs/`` is written: a reference page that no longer says what the code
does is an error that names the command to type.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from scripts.reference import (
    checks,
    commands,
    decisions,
    declaration,
    environment,
    errors,
    metrics,
    problems,
    prove,
    settings,
)

PAGES: dict[str, Callable[[], str]] = {
    "decisions/index.md": decisions.page,
    "reference/checks.md": checks.page,
    "reference/commands.md": commands.page,
    "reference/environment.md": environment.page,
    "reference/errors.md": errors.page,
    "reference/mainstay-toml.md": declaration.page,
    "reference/metrics.md": metrics.page,
    "reference/problems.md": problems.page,
    "reference/prove.md": prove.page,
    "reference/settings.md": settings.page,
}
"""File in ``docs`` → the function that writes it."""

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
COLOR = re.compile("\x1b\\[[0-9;]*m")
PAGE = re.compile(r"[\w./-]+\.md")


def refresh(*, check: bool) -> list[str]:
    """Write the reference pages, or name those that are out of date."""
    stale = []
    for name, write in PAGES.items():
        path, text = DOCS / name, write().rstrip() + "\n"
        if path.exists() and path.read_text() == text:
            continue
        if check:
            stale.append(f"docs/{name} is out of date; type: make docs")
        else:
            path.write_text(text)
    return stale


def unlisted() -> list[str]:
    """Pages that no reader can reach, because the menu does not name them."""
    listed = set(PAGE.findall((ROOT / "mkdocs.yml").read_text()))
    listed |= {
        path.relative_to(DOCS).as_posix() for path in DOCS.glob("decisions/*.md")
    }  # listed by their index
    present = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    return [f"docs/{name} is not in the menu of mkdocs.yml" for name in sorted(present - listed)]


def build() -> bool:
    """Run the site generator; what it says on failure is shown without colors and its own traceback."""
    program = Path(sys.executable).parent / "zensical"
    done = subprocess.run([program, "build", "--clean", "--strict"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        print(COLOR.sub("", done.stdout + done.stderr).partition("Traceback")[0])
    return done.returncode == 0


def main() -> int:
    wrong = refresh(check="--check" in sys.argv[1:]) + unlisted()
    print("\n".join(wrong), end="\n" if wrong else "", flush=True)
    return 0 if build() and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
