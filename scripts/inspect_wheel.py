"""Look into what was built: a wheel and a source archive, whole, with no traces of a checkout."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UNWANTED = (".pyc", "/tests/", "/.mainstay/", "/__pycache__/", "/db.sqlite3")


def sources(root: Path) -> list[str]:
    """Every file of the package, as a wheel should name it: modules, templates, type marker."""
    files = (path for path in (root / "src").rglob("*") if path.is_file())
    return sorted(
        path.relative_to(root / "src").as_posix() for path in files if "__pycache__" not in path.parts
    )


def problems(folder: Path, wanted: list[str]) -> list[str]:
    """What is wrong with the archives in a folder; empty when they can be published."""
    wheels, archives = list(folder.glob("*.whl")), list(folder.glob("*.tar.gz"))
    if len(wheels) != 1 or len(archives) != 1:
        return [f"expected one wheel and one source archive, found {len(wheels)} and {len(archives)}"]
    with zipfile.ZipFile(wheels[0]) as wheel:
        names = wheel.namelist()
    ends = (".dist-info/entry_points.txt", ".dist-info/licenses/LICENSE", ".dist-info/METADATA")
    found = [f"the wheel lacks {name}" for name in wanted if name not in names]
    found += [f"the wheel has no {end}" for end in ends if not any(name.endswith(end) for name in names)]
    found += [f"the wheel holds {name}" for name in names if any(part in f"/{name}" for part in UNWANTED)]
    with tarfile.open(archives[0]) as archive:
        inside = archive.getnames()
    traces = (".pyc", "/.mainstay/", "/.venv/")
    return found + [f"the archive holds {name}" for name in inside if any(part in name for part in traces)]


def main() -> int:
    folder = Path(sys.argv[1])
    wrong = problems(folder, sources(ROOT))
    print("\n".join(wrong or sorted(str(path) for path in folder.glob("mainstay-*"))))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
