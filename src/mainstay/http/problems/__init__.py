"""
Errors as a client sees them: problem details (RFC 9457) for programs, a page for people.

`Problem` is raised by a view, Django's or REST framework's. Everything else that goes
wrong is turned into one by `mainstay.http.middleware.EntranceMiddleware`, and for REST
framework by ``EXCEPTION_HANDLER = "mainstay.http.problems.drf.exception_handler"``.

Importable before ``django.setup()``.
"""

from __future__ import annotations

from mainstay.base.problemtypes import MEDIA_TYPE
from mainstay.http.problems.problem import Problem

__all__ = ["MEDIA_TYPE", "Problem"]
