"""
Makes the collector of cycles look at what requests leave behind, not at what was loaded for good.

A Django process has some 60,000 objects that live as long as it does. A full collection goes through
all of them, ten to thirty milliseconds in which nobody is answered. CPython also
puts a full collection off until what has come since amounts to a quarter of what was there before ("Design of
CPython's garbage collector", `InternalDocs/garbage_collector.md`), so the cycles that requests leave, such as a
response of Django REST framework and its view, go sooner.
"""

from __future__ import annotations

import gc


def settle() -> None:
    """Call it once, when everything is loaded and nothing is served yet."""
    gc.collect()
    gc.freeze()
