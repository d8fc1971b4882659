"""
Refuse traces of one machine in what everyone gets: registry hosts, home folders, an index inside a lock.

A lock that names an index cannot be installed behind a mirror, and a path of the author's
machine is wrong on every other.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

TRACES = {
    "a registry's host": re.compile(
        r"\b(?:(?:test|files|upload)[.])?(?:pypi|pythonhosted)[.]org\b"
        r"|\bregistry[.]npmjs[.]org\b|\b(?:deb|security)[.]debian[.]org\b"
    ),
    "an index option": re.compile(
        r"^--(?:extra-)?(?:index-url|default-index|find-links|trusted-host)\b", re.M
    ),
    "a path of one machine": re.compile(r"(?<![\w.~$}/-])/(?:root|work|home/[a-z]\w*|Users/[A-Za-z]\w*)/"),
}


def tracked() -> list[Path]:
    """Files that git knows or would add; whoever owns the checkout may ask."""
    command = [
        "git",
        "-c",
        "safe.directory=*",
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
    ]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in listed.split("\0") if name]


def findings(text: str) -> list[tuple[int, str, str]]:
    """(line, what, the words) of every trace in a text."""
    return [
        (text.count("\n", 0, match.start()) + 1, what, match.group())
        for what, pattern in TRACES.items()
        for match in pattern.finditer(text)
    ]


def main() -> int:
    count = 0
    for path in tracked():
        if not path.is_file() or b"\0" in path.read_bytes()[:8192]:
            continue
        for line, what, words in findings(path.read_text(errors="replace")):
            print(f"{path.relative_to(ROOT)}:{line}: {what}: {words}")
            count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
