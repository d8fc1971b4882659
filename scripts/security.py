"""
Bandit, with ruff's marks: one reason on the line answers both.

Ruff's rule S104 is Bandit's B104, so a line that carries ``# noqa: S104 - why`` is accepted here as
well. What only Bandit sees takes ``# nosec B105 - why``. A mark without a reason is not accepted.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MARK = re.compile(r"# (?:noqa:|nosec) (?P<rules>[A-Z0-9, ]+?) - \S")
TWICE = {"B703": "B308"}
"""Rules of Bandit that say the same as another one; ruff has the other."""


def is_answered(rule: str, line: str) -> bool:
    """Whether a source line carries the mark of this Bandit rule together with a reason."""
    match = MARK.search(line)
    rule = TWICE.get(rule, rule)
    return match is not None and not {rule, rule.replace("B", "S", 1)}.isdisjoint(
        re.split(r"[, ]+", match["rules"])
    )


def open_findings(report: Mapping[str, list[dict[str, object]]]) -> list[str]:
    """The findings without a mark, and files that Bandit could not read."""
    found = [f"{error['filename']}: {error['reason']}" for error in report["errors"]]
    for each in report["results"]:
        path, number, rule = Path(str(each["filename"])), int(str(each["line_number"])), str(each["test_id"])
        if not is_answered(rule, path.read_text().splitlines()[number - 1]):
            found.append(f"{path}:{number}: {rule} {each['issue_text']}")
    return found


def main() -> int:
    bandit = Path(sys.executable).parent / "bandit"
    command: list[str | Path] = [
        bandit,
        *("--quiet", "--recursive", "--ignore-nosec", "--format", "json"),
        *("--configfile", "pyproject.toml"),
        *sys.argv[1:],
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        print(done.stderr)
        return 1
    found = open_findings(json.loads(done.stdout))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
