"""Decorators of views on a whole class: Django's views and REST framework's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.decorators import method_decorator

from mainstay.base.errors import InvalidInput, Problem


def decorate(kind: type, decorator: Callable[[Any], Any], name: str, where: str) -> type:
    """
    Put a decorator of functions around ``dispatch`` of a class, which is changed itself, as by ``method_decorator``.

    Args:
        name: What the decorator is called.
        where: The file and line where it stands.

    Raises:
        InvalidInput: The class is no view.
    """
    if not callable(getattr(kind, "dispatch", None)):
        found = f"class {kind.__module__}.{kind.__qualname__}, which has no `dispatch`"
        raise InvalidInput([Problem("http.bad-view", where, name, "a view", found)])
    return method_decorator(decorator, name="dispatch")(kind)
