"""``mainstay init``: a first mainstay.toml, and the settings lines that go with it."""

from __future__ import annotations

import contextlib
import difflib
import errno
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.syntax import Syntax

from mainstay.base.errors import InvalidInput, OperationFailed, Problem
from mainstay.cli.output import console, print_json
from mainstay.cli.target import typed
from mainstay.ops.topology import Topology, understand
from mainstay.ops.topology.draft import draft
from mainstay.ops.topology.load import FILE, Source, find, shown
from mainstay.ops.topology.project import Project, bound_names, find_module, find_projects

BACKUP = ".before-mainstay"
_MARK = "from mainstay import settings as mainstay"

BLOCK = """\
# Mainstay: what the running system says through the environment; without one, values for development.
from mainstay import settings as mainstay  # noqa: E402

DEBUG = mainstay.debug()
SECRET_KEY = mainstay.secret_key()
ALLOWED_HOSTS = mainstay.allowed_hosts()
CSRF_TRUSTED_ORIGINS = mainstay.csrf_trusted_origins()
INSTALLED_APPS = [*mainstay.installed_apps(), *INSTALLED_APPS]
MIDDLEWARE = [*mainstay.MIDDLEWARE, *MIDDLEWARE]
DATABASES = mainstay.databases(BASE_DIR)
DATABASE_ROUTERS = mainstay.DATABASE_ROUTERS
CACHES = mainstay.caches()
TASKS = mainstay.tasks()
CHANNEL_LAYERS = mainstay.channel_layers()
LOGGING = mainstay.observability()
STORAGES = mainstay.storages()
STATIC_ROOT = mainstay.static_root(BASE_DIR)
for _name, _value in mainstay.security().items():
    if _name != "SECURE_CSP":  # a policy may forbid scripts that pages of yours need
        globals().setdefault(_name, _value)  # what stands above wins
"""


@dataclass(frozen=True, slots=True)
class Change:
    """What is proposed for one settings file."""

    file: Path
    before: bytes
    """As it is on disk: a settings file may be in any encoding."""
    block: str
    """Empty when the file uses Mainstay already."""

    @property
    def after(self) -> bytes:
        if not self.block:
            return self.before
        newline = b"\r\n" if b"\r\n" in self.before else b"\n"
        gap = newline * (2 if self.before.endswith(b"\n") else 3)
        return self.before + gap + self.block.encode().replace(b"\n", newline)

    @property
    def diff(self) -> str:
        old, new = (text.decode(errors="replace").splitlines() for text in (self.before, self.after))
        name = shown(self.file)
        return "".join(f"{line}\n" for line in difflib.unified_diff(old, new, name, name, lineterm=""))


def init(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a mainstay.toml that is there.")] = False,
    write_settings: Annotated[
        bool,
        typer.Option(
            "--write-settings",
            help="Append the settings lines, after showing the difference; leaves a mainstay.toml that is there.",
        ),
    ] = False,
) -> None:
    """Write a commented mainstay.toml for the Django project found here."""
    file = _target(ctx.obj)
    projects = _projects(file.parent)
    keep = write_settings and not force and file.exists()
    if not force and not keep:
        _refuse_to_replace(file)
    text = draft(projects, file.parent)
    source = find(file) if keep else Source(file, "", text, tomllib.loads(text))
    topology = understand(source)
    changes = [change for project in projects if (change := propose(project))]
    if not keep:
        _write(file, text.encode())
    _tell(file, topology, changes, kept=keep, as_json=as_json, write_settings=write_settings)
    if not as_json:
        _tell_next(ctx.obj)


def _target(chosen: Path | None) -> Path:
    path = (chosen or Path.cwd()).absolute()
    return path / FILE if path.is_dir() else path


def _projects(folder: Path) -> list[Project]:
    projects = find_projects(folder)
    if projects:
        return projects
    expected = "a Django project: manage.py here or in a folder below"
    hint = "`django-admin startproject shop .` makes one"
    raise InvalidInput([Problem("init.no-django-project", str(folder), "", expected, "none", hint)])


def _refuse_to_replace(file: Path) -> None:
    """
    Keep what a person wrote, here or in this folder's pyproject.toml.

    Raises:
        InvalidInput: There is a declaration already.
    """
    there: Path | None = file if file.is_symlink() or file.exists() else None
    pyproject = file.with_name("pyproject.toml")
    if there is None and pyproject.exists():
        try:
            there = find(pyproject).file
        except InvalidInput:
            there = None
    if there is not None:
        expected = "no declaration yet"
        hint = "--write-settings leaves it and adds the settings lines; --force writes over it"
        hint = hint if there == file else f"--force writes a {FILE} that goes before it"
        raise InvalidInput([Problem("init.file-exists", shown(there), "", expected, "one", hint)])


def propose(project: Project) -> Change | None:
    """The lines for one project's settings; ``None`` when there is no single file to put them in."""
    file = find_module(project.root, project.settings)
    if file is None or not file.is_file():
        return None
    before = file.read_bytes()
    if _MARK.encode() in before:
        return Change(file, before, "")
    names = bound_names(file)
    has_base = names is None or "BASE_DIR" in names
    return Change(file, before, BLOCK if has_base else BLOCK.replace("(BASE_DIR)", "()"))


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all: written beside, then moved; a link stays one."""
    file = file.resolve()
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        mode = file.stat().st_mode & 0o777 if file.exists() else None
        beside.write_bytes(content)
        if mode is not None:
            beside.chmod(mode)
        beside.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):  # where nothing can be written, nothing can be removed either
            beside.unlink(missing_ok=True)
        hint = (
            "free some space there"
            if error.errno == errno.ENOSPC
            else "make its folder writable for this user"
        )
        what = f"{shown(file)}: {error.strerror or error}"
        raise OperationFailed("init.cannot-write", what, hint=hint) from None


def _append(change: Change) -> Path:
    """The changed settings, and the backup that holds the old ones; an older backup is kept."""
    backup = change.file.with_name(change.file.name + BACKUP)
    number = 1
    while backup.exists():
        number += 1
        backup = change.file.with_name(f"{change.file.name}{BACKUP}.{number}")
    _write(backup, change.before)
    _write(change.file, change.after)
    return backup


def _tell(
    file: Path,
    topology: Topology,
    changes: list[Change],
    *,
    kept: bool,
    as_json: bool,
    write_settings: bool,
) -> None:
    if as_json:
        told = [_settings_json(change, write_settings) for change in changes]
        print_json({"file": str(file), "services": _services_json(topology), "settings": told})
        return
    out = console()
    names = ", ".join(service.name for service in topology.services)
    done = f"Left {shown(file)} as it is" if kept else f"Wrote {shown(file)}"
    out.print(f"{done}, for {names}.", style="green", markup=False)
    for change in changes:
        _tell_settings(out, change, write=write_settings)


def _tell_next(chosen: Path | None) -> None:
    out = console()
    steps = "Next: `mainstay plan` shows what would run, `mainstay up` runs it."
    out.print(f"\n{typed(steps, chosen)}", markup=False, soft_wrap=True)
    out.print(
        "A fresh project has no page at / yet and answers 404 there; /admin/ is not reachable through the edge.",
        style="dim",
    )


def _tell_settings(out: Console, change: Change, *, write: bool) -> None:
    name = shown(change.file)
    if not change.block:
        out.print(f"\n{name} uses Mainstay already.", markup=False)
    elif write:
        out.print()
        _code(out, change.diff, "diff")
        backup = _append(change)
        out.print(f"Appended to {name}; the old file is {backup.name}.", style="green", markup=False)
    else:
        out.print(f"\nAdd at the end of {name} (or let --write-settings do it):\n", markup=False)
        _code(out, change.block, "python")


def _code(out: Console, text: str, language: str) -> None:
    """Colored for a person; exactly as it is for a pipe."""
    if out.is_terminal:
        out.print(Syntax(text, language, theme="ansi_dark", background_color="default", word_wrap=True))
    else:
        typer.echo(text)


def _services_json(topology: Topology) -> list[dict[str, str]]:
    names = ("name", "root", "settings", "application", "interface")
    return [{name: str(getattr(service, name)) for name in names} for service in topology.services]


def _settings_json(change: Change, write: bool) -> dict[str, Any]:
    backup = _append(change) if write and change.block else None
    return {
        "file": str(change.file),
        "lines": change.block.splitlines(),
        "diff": change.diff,
        "written": backup is not None,
        "backup": str(backup) if backup else None,
    }
