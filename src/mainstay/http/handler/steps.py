"""One native middleware, taken apart into what it does before, at and after the view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final


class _Blocks:
    __slots__ = ()

    def __repr__(self) -> str:
        return "BLOCKS"


BLOCKS: Final = _Blocks()
"""
The answer of a quick form: this request needs the full form, which may wait for something.

Under WSGI the full form is called at once, under ASGI in the request's thread.
"""

Before = Callable[[Any], Any]
After = Callable[[Any, Any], Any]
View = Callable[[Any, Any, Any, Any], Any]


@dataclass(frozen=True, slots=True)
class Step:
    """
    The native form of one middleware.

    A quick form never waits for anything, and leaves the request and the response as they
    were when it answers `BLOCKS`. The full form is Django's own method, so whatever the quick
    form does not decide is decided by Django.
    """

    before: Before | None = None
    before_full: Before | None = None
    after: After | None = None
    after_full: After | None = None
    view: View | None = None
    view_full: View | None = None

    def view_in_sync(self) -> View | None:
        """``process_view`` for a thread that may wait."""
        quick, full = self.view, self.view_full
        if quick is None or full is None:
            return quick

        def process_view(request: Any, callback: Any, args: Any, kwargs: Any) -> Any:
            response = quick(request, callback, args, kwargs)
            return full(request, callback, args, kwargs) if response is BLOCKS else response

        return process_view
