"""
Where a program comes from: an explicit path, else PATH or a system package that will do, else a wheel.

The order is a promise: what an administrator installed wins over what came along with
a Python package, but only when it can do what is needed, which is asked, not assumed.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines.engine import Program, Source
from mainstay.ops.engines.oneshot import environment


@dataclass(frozen=True, slots=True)
class Candidate:
    path: Path
    source: Source


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at one candidate gave: the program, or the reason why it will not do."""

    program: Program | None
    refusal: str = ""


Examine = Callable[[Candidate], Verdict]
"""Runs the candidate with its version option and says whether it has what is needed."""


def choose(
    engine: str,
    *,
    explicit: str,
    names: Sequence[str],
    folders: Sequence[str] = (),
    wheel: Callable[[], Path | None],
    examine: Examine,
    install: str,
) -> Program:
    """
    The first candidate that has what is needed.

    ``explicit`` is a path, a name on PATH, or a folder that holds one of ``names``;
    ``names`` are looked up on PATH, then in ``folders`` (globs, newest version first);
    ``wheel`` returns the program inside an installed wheel, or ``None``. ``install`` is
    the line that a person types to get the program.

    Raises:
        OperationFailed: Nothing found, or nothing good enough; says what was looked at.
    """
    refusals: list[str] = []
    for candidate in _candidates(explicit, names, folders, wheel):
        verdict = examine(candidate)
        if verdict.program is not None:
            return verdict.program
        refusals.append(f"{candidate.path} ({candidate.source}): {verdict.refusal}")
    if explicit and not refusals:
        refusals.append(f"{explicit} (explicit): there is no such program")
    raise OperationFailed(
        f"engine.{engine}-missing",
        f"no usable {engine} was found",
        hint=install,
        details=tuple(refusals),
    )


def _candidates(
    explicit: str, names: Sequence[str], folders: Sequence[str], wheel: Callable[[], Path | None]
) -> Iterator[Candidate]:
    if explicit:
        places = (shutil.which(each) for each in (explicit, *_inside(explicit, names)))
        if found := next(filter(None, places), None):
            yield Candidate(Path(found), "explicit")
        return
    seen: set[Path] = set()
    for path in _system(names, folders):
        if path.resolve() not in seen:
            seen.add(path.resolve())
            yield Candidate(path, "system")
    inside = wheel()
    if inside is not None and inside.exists():
        yield Candidate(inside, "wheel")


def _inside(folder: str, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(Path(folder) / name) for name in names)


def _system(names: Sequence[str], folders: Sequence[str]) -> Iterator[Path]:
    """What the machine offers; what wheels put beside the running interpreter is not the machine's."""
    own = Path(sysconfig.get_path("scripts")).resolve()
    for name in names:
        found = shutil.which(name)
        if found and Path(found).parent.resolve() != own:
            yield Path(found)
    for pattern in folders:
        for folder in sorted(Path("/").glob(pattern.lstrip("/")), key=_natural, reverse=True):
            for name in names:
                if found := shutil.which(name, path=str(folder)):
                    yield Path(found)


def _natural(path: Path) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", str(path))]


# --- what an examiner needs ---------------------------------------------------------------


def ask(path: Path, *arguments: str) -> str:
    """What a program says when run with these arguments, on either stream; empty when it cannot run."""
    try:
        done = subprocess.run(
            [str(path), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=10,
            check=False,
            env=environment(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace")


Version = tuple[int, ...]


def version_in(text: str, pattern: str) -> Version | None:
    """The dotted version that ``pattern``'s first group catches in what a program said."""
    match = re.search(pattern, text)
    return tuple(int(part) for part in match[1].split(".")) if match else None


def dotted(version: Version) -> str:
    return ".".join(map(str, version))


def examine_version(engine: str, pattern: str, minimum: Version, *arguments: str) -> Examine:
    """An examiner that wants nothing but a version; ``arguments`` make the program say it."""

    def examine(candidate: Candidate) -> Verdict:
        version = version_in(ask(candidate.path, *arguments), pattern)
        if version is None:
            return Verdict(None, f"did not answer {' '.join(arguments)} with a version")
        if version < minimum:
            return Verdict(None, f"is {dotted(version)}, but at least {dotted(minimum)} is needed")
        return Verdict(program(engine, candidate, dotted(version)))

    return examine


def program(
    engine: str, candidate: Candidate, version: str, features: frozenset[str] = frozenset()
) -> Program:
    """A candidate that was accepted, with the sentence that says why."""
    why: dict[Source, str] = {
        "explicit": f"{candidate.path} {version}, because the file names it",
        "system": f"{candidate.path} {version}, installed on this machine and new enough",
        "wheel": f"{version} from the Python wheel, because this machine has no usable {engine} of its own",
    }
    return Program(engine, candidate.path, version, candidate.source, why[candidate.source], features)


def in_package(package: str, pattern: str) -> Path | None:
    """The file inside an installed Python package that matches a glob, without importing the package."""
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    found = (path for folder in folders or () for path in sorted(Path(folder).glob(pattern)))
    return next(found, None)


def in_distribution(distribution: str, name: str) -> Path | None:
    """The file of this name that an installed distribution brought along, such as a program in ``bin``."""
    try:
        files = importlib.metadata.distribution(distribution).files or ()
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((Path(str(file.locate())).resolve() for file in files if file.name == name), None)
