"""
What `make check` does: a list of named steps, each a program that says yes or no.

All steps run even when one fails, so that one look shows everything. Name steps to run
only those: ``make check ARGS="lint types"``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PYTHON = sys.executable
WORKFLOWS = ".github/workflows/ci.yml"
SERVICES = tuple(sorted(path.parent for path in ROOT.glob("boxoffice/*/manage.py")))


@dataclass(frozen=True)
class Step:
    name: str
    argv: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    step: Step
    ok: bool
    seconds: float
    output: str


STEPS = (
    # The slow ones first: they decide how long the whole takes.
    Step("types", ("mypy",)),
    Step("docs", (PYTHON, "-m", "scripts.docs", "--check")),
    Step("security", (PYTHON, "scripts/security.py", "src", "boxoffice")),
    Step("format", ("ruff", "format", "--check", ".")),
    Step("lint", ("ruff", "check", ".")),
    Step("imports", ("lint-imports", "--no-logo")),
    Step("changelog", (PYTHON, "scripts/changelog.py", "--check")),
    Step("traces", (PYTHON, "scripts/traces.py")),
    Step(
        "yaml", ("yamllint", "--strict", ".github", ".pre-commit-config.yaml", ".yamllint.yaml", "mkdocs.yml")
    ),
    Step("workflow-schema", ("check-jsonschema", "--builtin-schema", "vendor.github-workflows", WORKFLOWS)),
    Step("workflow-security", ("zizmor", "--quiet", "--offline", "--persona", "pedantic", WORKFLOWS)),
)


def environment() -> dict[str, str]:
    """The caller's, with this environment's programs first and the reference services importable."""
    services = os.pathsep.join(str(path) for path in SERVICES)
    return {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}", "PYTHONPATH": services}


def run(step: Step) -> Result:
    """Run one step to its end; a program that cannot be started counts as a no."""
    begin = time.monotonic()
    try:
        done = subprocess.run(
            step.argv, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        ok, output = done.returncode == 0, done.stdout + done.stderr
    except OSError as error:
        ok, output = False, str(error)
    return Result(step, ok, time.monotonic() - begin, output)


def chosen(names: list[str]) -> Iterable[Step]:
    unknown = set(names) - {step.name for step in STEPS}
    if unknown:
        sys.exit(f"no such step: {', '.join(sorted(unknown))}; there are {', '.join(s.name for s in STEPS)}")
    return [step for step in STEPS if not names or step.name in names]


def main() -> int:
    failed = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        for result in pool.map(run, chosen(sys.argv[1:])):
            print(
                f"{'ok  ' if result.ok else 'FAIL'}  {result.step.name:<18} {result.seconds:5.1f} s",
                flush=True,
            )
            if not result.ok:
                failed.append(result)
    for result in failed:
        print(f"\n--- {result.step.name}: {' '.join(result.step.argv)}\n{result.output.rstrip()}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
