"""The one hook of a build backend that ``pip download`` calls (PEP 517)."""

from __future__ import annotations

import shutil
from email.parser import HeaderParser
from pathlib import Path


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: object = None) -> str:
    """Hand out the archive's own metadata; pip calls this in the unpacked folder."""
    about = HeaderParser().parsestr(Path("PKG-INFO").read_text())
    folder = Path(metadata_directory) / f"{about['Name']}-{about['Version']}.dist-info"
    folder.mkdir()
    shutil.copyfile("PKG-INFO", folder / "METADATA")
    return folder.name
