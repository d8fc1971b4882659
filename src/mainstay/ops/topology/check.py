"""
Does the whole make sense? Cross-references, clashes, arithmetic, and the projects on disk.

Every check adds to one list. A problem that only follows from another one, such as
a limit compared with a value that could not be read, is left out.
"""

from __future__ import annotations

from mainstay.ops.topology.case import Case
from mainstay.ops.topology.check_project import check_project
from mainstay.ops.topology.check_service import check_service
from mainstay.ops.topology.check_system import check_system


def check(case: Case) -> None:
    """Report everything that is wrong with a resolved topology."""
    for service in case.topology.services:
        check_service(case, service)
        check_project(case, service)
    check_system(case)
