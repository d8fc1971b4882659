"""Where Django's tests come from: the locked archive, and nothing else."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.django_suites.source import SourceUnavailable, locked_hashes, verify


def test_the_lock_knows_the_installed_django() -> None:
    hashes = locked_hashes(version("django"))

    assert len(hashes) >= 2  # the wheel and the archive


def test_a_django_without_a_lock_is_refused() -> None:
    with pytest.raises(SourceUnavailable, match=r"no lock .* installs Django 1\.0"):
        locked_hashes("1.0")


def test_an_archive_that_is_not_the_locked_one_is_refused_and_removed(tmp_path: Path) -> None:
    archive = tmp_path / "django-5.2.tar.gz"
    archive.write_bytes(b"something else")
    right = hashlib.sha256(b"something else").hexdigest()

    verify(archive, frozenset([right]))
    with pytest.raises(SourceUnavailable, match=right):
        verify(archive, locked_hashes(version("django")))
    assert not archive.exists()
