"""
Who listens to the signals of a request, and what can be done for them without asking.

Django's own receivers tidy up: connections, query logs, caches, the URLconf. When nobody else
listens, their work is done in one pass, and under ASGI without a change of thread. As soon as
anybody else listens, the signal is sent in Django's way.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any
from weakref import ReferenceType

from django.core import signals
from django.core.cache import caches, close_caches
from django.core.cache.backends.base import BaseCache
from django.core.handlers.base import reset_urlconf
from django.db import close_old_connections, connections, reset_queries
from django.dispatch import Signal
from django.urls.base import _urlconfs as urlconfs  # type: ignore[attr-defined]

from mainstay.http.handler.reading import of_this_thread


class Receivers:
    """
    The receivers of one signal; looked at again only when somebody connects or disconnects.

    The list itself is read, since tracers replace the method of `Signal` that gives the receivers.
    """

    __slots__ = ("_expected", "_known", "_seen", "_sender", "signal")

    def __init__(self, signal: Signal, *expected: Any) -> None:
        self.signal: Any = signal
        self._expected = frozenset(map(id, expected))
        self._seen: list[Any] | None = None
        self._sender: Any = None
        self._known = False

    def are_known(self, sender: Any) -> bool:
        """Whether exactly Django's own receivers listen."""
        signal = self.signal
        # A list of tuples that are the same objects compares in a fraction of a microsecond.
        if signal._dead_receivers or sender is not self._sender or signal.receivers != self._seen:
            self._seen, self._sender = list(signal.receivers), sender
            self._known = self._expected == {*self._concerned(sender)}
        return self._known

    def _concerned(self, sender: Any) -> Iterator[Any]:
        """The id of each receiver for this sender; None for one that is async or gone."""
        for (receiver, wanted), reference, *_, is_async in self.signal.receivers:
            if wanted in (id(None), id(sender)):
                is_gone = isinstance(reference, ReferenceType) and reference() is None
                yield None if is_async or is_gone else receiver


STARTED = Receivers(signals.request_started, reset_queries, close_old_connections)
FINISHED = Receivers(signals.request_finished, close_caches, close_old_connections, reset_urlconf)


_unless_absent = suppress(AttributeError)
"""Made once, since it may be used again and at once."""


def tidy_before() -> None:
    """What Django's receivers of ``request_started`` do in a thread that may wait."""
    for connection in _initialized(connections, connections.settings):
        connection.queries_log.clear()
        connection.close_if_unusable_or_obsolete()


def tidy_after(*, in_thread: bool) -> None:
    """What those of ``request_finished`` do; on the event loop there are no connections to look after."""
    for cache in _initialized(caches, _closable()):
        cache.close()
    if in_thread:
        for connection in _initialized(connections, connections.settings):
            connection.close_if_unusable_or_obsolete()
    with _unless_absent:  # as `reset_urlconf`, which looks first whether there is one
        del urlconfs.value


def _initialized(handler: Any, aliases: Iterable[str]) -> list[Any]:
    """``handler.all(initialized_only=True)``, looking each alias up once instead of twice."""
    made = of_this_thread(handler._connections)
    return [found for alias in aliases if (found := getattr(made, alias, None)) is not None]


_close_nothing = BaseCache.close


def _closable() -> list[str]:
    """
    The aliases of caches that may do something when they are closed.

    Most inherit a ``close`` that does nothing, and to look such a cache up costs more than to see that. One whose
    module was never imported was never made.
    """
    return [
        alias
        for alias, params in caches.settings.items()
        if (kind := _loaded(params["BACKEND"])) is not None
        and getattr(kind, "close", None) is not _close_nothing
    ]


def _loaded(backend: str) -> Any:
    module, name = _place(backend)
    return getattr(sys.modules.get(module), name, None)


@lru_cache(maxsize=64)
def _place(backend: str) -> tuple[str, str]:
    module, _, name = backend.rpartition(".")
    return module, name
