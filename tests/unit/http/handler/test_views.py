"""Whether a view is async: as Django says, by a shorter way for plain functions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import markcoroutinefunction
from django.core.handlers.base import iscoroutinefunction  # type: ignore[attr-defined]

from mainstay.http.handler.chain import _is_async_view


def plain(request: Any) -> None: ...


async def native(request: Any) -> None: ...


@functools.wraps(native)
def wrapped(request: Any) -> Any:
    return native(request)


@markcoroutinefunction
def marked(request: Any) -> Any:
    return native(request)


class Instance:
    def __call__(self, request: Any) -> None: ...


VIEWS = [plain, native, wrapped, marked, functools.partial(native), functools.partial(plain), Instance()]


@pytest.mark.parametrize("view", VIEWS)
def test_it_is_what_django_says(view: Callable[..., Any]) -> None:
    assert _is_async_view(view) is iscoroutinefunction(view)


def test_a_mark_is_seen() -> None:
    assert _is_async_view(marked)
