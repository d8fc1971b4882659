"""Django projects on disk, as small as reading them as text needs."""

from __future__ import annotations

from pathlib import Path

MANAGE = """\
import os
def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{settings}")
"""
ENTRANCE = "from django.core.{kind} import get_{kind}_application\napplication = get_{kind}_application()\n"


def write_project(root: Path, package: str = "shop", *, asgi: bool = True, wsgi: bool = True) -> Path:
    """What ``django-admin startproject`` leaves behind, as far as it matters here."""
    inner = root / package
    inner.mkdir(parents=True)
    (root / "manage.py").write_text(MANAGE.format(settings=f"{package}.settings"))
    (inner / "__init__.py").touch()
    (inner / "settings.py").write_text("BASE_DIR = '.'\nINSTALLED_APPS = []\n")
    for kind, wanted in (("asgi", asgi), ("wsgi", wsgi)):
        if wanted:
            (inner / f"{kind}.py").write_text(ENTRANCE.format(kind=kind))
    return root
