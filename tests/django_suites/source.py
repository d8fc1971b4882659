"""The tests of exactly the Django that is installed, from its source archive."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / ".cache" / "django-suites"
BACKEND = Path(__file__).parent / "backend"
LIMIT = 300.0
"""Seconds for the download."""


class SourceUnavailable(Exception):
    """The archive cannot be fetched here, or is not the one in the lock."""


def unpacked_tests() -> Path:
    """
    The folder with ``runtests.py``, fetched and unpacked the first time.

    Raises:
        SourceUnavailable: No lock knows this Django, the download failed, or its hash is another.
    """
    installed = version("django")
    home = CACHE / installed
    if not (home / "tests").exists():
        _unpack(_archive(installed, home), home)
    return home / "tests"


def locked_hashes(installed: str) -> frozenset[str]:
    """The SHA-256 of each of this version's files, from the lock that installs it."""
    for lock in sorted(REPOSITORY.glob("requirements/py3*.txt")):
        entry = re.search(
            rf"^django=={re.escape(installed)} (.*(?:\n    --hash.*)*)", lock.read_text(), re.MULTILINE
        )
        if entry:
            return frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", entry[1]))
    raise SourceUnavailable(f"no lock in requirements/ installs Django {installed}")


def verify(archive: Path, hashes: frozenset[str]) -> None:
    """Raise SourceUnavailable unless the file is one that the lock names; it is removed then."""
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found not in hashes:
        archive.unlink()
        raise SourceUnavailable(f"{archive.name} has the SHA-256 {found}, which is not in the lock")


def _archive(installed: str, home: Path) -> Path:
    hashes = locked_hashes(installed)
    archive = home / f"django-{installed}.tar.gz"
    if not archive.exists():
        home.mkdir(parents=True, exist_ok=True)
        _download(installed, hashes, home)
    if not archive.exists():
        raise SourceUnavailable(f"pip fetched no {archive.name}")
    verify(archive, hashes)
    return archive


def _download(installed: str, hashes: frozenset[str], home: Path) -> None:
    """With pip, which knows this machine's index; it compares the hash before it opens the file."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.write(f"django=={installed} " + " ".join(f"--hash=sha256:{each}" for each in sorted(hashes)))
        wanted.flush()
        argv = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
        ]
        argv += ["--no-binary", ":all:", "--no-build-isolation", "--require-hashes"]
        argv += ["--dest", str(home), "--requirement", wanted.name]
        try:
            done = subprocess.run(
                argv,
                env={**os.environ, "PYTHONPATH": str(BACKEND)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=LIMIT,
            )
        except subprocess.TimeoutExpired:
            raise SourceUnavailable(f"pip did not end within {LIMIT:.0f} s") from None
    if done.returncode:
        raise SourceUnavailable(f"pip could not fetch it:\n{done.stdout}{done.stderr}".rstrip())


def _unpack(archive: Path, home: Path) -> None:
    """Only ``tests/``, and all of it or nothing: the folder appears with one rename."""
    top = archive.name.removesuffix(".tar.gz") + "/"
    with tempfile.TemporaryDirectory(dir=home) as beside, tarfile.open(archive) as opened:
        members = [each for each in opened.getmembers() if each.name.startswith(f"{top}tests/")]
        # Python before 3.11.4 has no filters; what is opened here has been compared with the lock.
        opened.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
        opened.extractall(beside, members)
        try:
            (Path(beside) / top / "tests").rename(home / "tests")
        except OSError:
            if not (home / "tests").exists():  # else another process was quicker
                raise
