"""The import contracts hold, and each of them can tell: one added line turns it red."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VIOLATIONS = sorted((Path(__file__).parent / "violations").glob("*.txt"))


def contracts() -> dict[str, str]:
    """The name of each contract by its id."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    prefix = "importlinter:contract:"
    return {
        section.removeprefix(prefix): parser[section]["name"]
        for section in parser
        if section.startswith(prefix)
    }


def sources() -> list[Path]:
    """The folders that hold root packages: ours, and one per service of boxoffice."""
    return [ROOT / "src", *sorted(path.parent for path in ROOT.glob("boxoffice/*/manage.py"))]


def lint(paths: list[Path], *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "lint-imports"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    command = [str(program), "--no-logo", "--no-cache", "--config", str(ROOT / ".importlinter"), *arguments]
    return subprocess.run(command, cwd=paths[0], env=environment, capture_output=True, text=True)


def test_the_code_keeps_every_arrow() -> None:
    done = lint(sources())

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("violation", VIOLATIONS, ids=lambda path: path.stem)
def test_one_line_turns_its_contract_red(violation: Path, tmp_path: Path) -> None:
    contract = violation.stem.split(".")[0]
    place, line = violation.read_text().strip().split(": ", maxsplit=1)
    copies = [_copy(path, tmp_path / path.name) for path in sources()]
    for module in _missing(line):
        _add(copies, module, "")
    _add(copies, place, line)

    done = lint(copies, "--contract", contract)

    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{contracts()[contract]} BROKEN" in done.stdout


def test_every_contract_has_a_violation() -> None:
    assert {path.stem.split(".")[0] for path in VIOLATIONS} == set(contracts())


def _copy(folder: Path, target: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", ".mainstay", "staticfiles", "node_modules")
    shutil.copytree(folder, target, ignore=ignored)
    return target


def _missing(line: str) -> list[str]:
    """The imported package as a file, so that a rule about a package of a later day can be tried today."""
    words = line.replace("from ", "import ").split()
    return [words[1].replace(".", "/") + "/__init__.py"]


def _add(copies: list[Path], place: str, line: str) -> None:
    """Append a line to a module, made where there is none, of the copy that holds its root package."""
    root = next((copy for copy in copies if (copy / place.split("/")[0]).is_dir()), None)
    if root is None:
        return
    path = root / place
    if path.name == "__init__.py" and (path.parent.with_suffix(".py")).exists():
        return
    if path.suffix == ".py" and (path.with_suffix("") / "__init__.py").exists():
        path = path.with_suffix("") / "__init__.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    (path.parent / "__init__.py").touch()
    with path.open("a") as file:
        file.write(f"\n{line}\n")
