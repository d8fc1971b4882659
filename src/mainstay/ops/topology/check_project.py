"""Is each service a Django project that can be served? Read from disk, never imported."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from mainstay.base.errors import nearest
from mainstay.ops.topology.case import Case
from mainstay.ops.topology.project import bound_names, find_module, find_projects
from mainstay.ops.topology.resolve import interface_of
from mainstay.ops.topology.values import Service


def check_project(case: Case, service: Service) -> None:
    """Report what is wrong with one service's folder, settings, application and interpreter."""
    path = f"service.{service.name}"
    if not service.root.is_dir():
        found = (
            f"{service.root} is not a folder" if service.root.exists() else f"{service.root} does not exist"
        )
        case.report("root-missing", f"{path}.root", "the folder with manage.py", found, _elsewhere(case))
        return
    if not service.manage.is_file():
        expected, found = f"a Django project: {service.manage.name} in {service.root}", "no such file"
        case.report(
            "no-django-project",
            f"{path}.root",
            expected,
            found,
            _elsewhere(case),
            rests_on=[f"{path}.manage"],
        )
        return
    _settings(case, service, path)
    _application(case, service, path)
    _interface(case, service, path)
    _python(case, service, path)


def _elsewhere(case: Case) -> str:
    folder = case.topology.folder
    found = [str(project.root.relative_to(folder)) for project in find_projects(folder)]
    named = ", ".join(f'root = "{each}"' for each in found)
    return f"found here: {named}" if named else "`manage` names a manage.py that is elsewhere"


def _settings(case: Case, service: Service, path: str) -> None:
    key = f"{path}.settings"
    if not service.settings:
        expected = "a settings module"
        found = f"{service.manage.name} names none, and there is not exactly one package with settings.py"
        case.report("settings-unknown", key, expected, found, 'such as settings = "shop.settings"')
    elif not _importable(service, service.settings):
        expected, found = f"a module below {service.root}", repr(service.settings)
        case.report(
            "settings-missing", key, expected, found, nearest(service.settings, _settings_here(service.root))
        )


def _settings_here(root: Path) -> list[str]:
    modules = (path.relative_to(root).with_suffix("") for path in sorted(root.glob("*/settings*.py")))
    return [".".join(module.parts) for module in modules]


def _application(case: Case, service: Service, path: str) -> None:
    key = f"{path}.application"
    module, _, attribute = service.application.partition(":")
    if not module:
        expected = "an asgi.py or wsgi.py that binds `application`"
        hint = 'such as application = "shop.asgi:application"'
        case.report(
            "application-unknown",
            key,
            expected,
            "none below " + str(service.root),
            hint,
            rests_on=[f"{path}.settings"],
        )
    elif not _importable(service, module):
        case.report("application-missing", key, f"a module below {service.root}", repr(module))
    else:
        file = find_module(service.root, module)
        names = bound_names(file) if file and file.is_file() else None
        if names is not None and attribute not in names:
            case.report(
                "application-missing", key, f"a name in {module}", repr(attribute), nearest(attribute, names)
            )


def _interface(case: Case, service: Service, path: str) -> None:
    speaks = interface_of(service.root, service.application)
    if speaks and speaks != service.interface:
        found = f'interface = "{service.interface}" with {service.application}'
        rests_on = [f"{path}.application"]
        case.report("interface-mismatch", f"{path}.interface", f'"{speaks}"', found, rests_on=rests_on)


def _python(case: Case, service: Service, path: str) -> None:
    if service.python and shutil.which(service.python) is None:
        found = f"{service.python} is not there or not executable"
        case.report("python-missing", f"{path}.python", "a Python interpreter", found)


def _importable(service: Service, module: str) -> bool:
    """Below the root or beside manage.py; a package installed elsewhere is trusted by its first name."""
    roots = (service.root, service.manage.parent)
    if any(find_module(root, module) for root in roots):
        return True
    top = module.partition(".")[0]
    if any(find_module(root, top) for root in roots):
        return False
    return bool(service.python) or importlib.util.find_spec(top) is not None
