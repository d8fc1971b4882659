"""The process that a supervisor belongs to: when it ends, however it ends, so does all of this."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable


class Owner:
    """
    A parent process, watched through a descriptor of it (pidfd_open(2)).

    Unlike a pipe, a descriptor cannot be held open by what else the parent has started; and
    unlike a death signal it does not mistake the end of one of its threads for its own.
    Lifetime: from construction, in the child, until the child's end.
    """

    def __init__(self, pid: int) -> None:
        self.gone = False
        try:
            self._descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            self.gone = True
        # One that died before has been replaced as parent, and its number may be another's by now.
        self.gone = self.gone or os.getppid() != pid

    def watch(self, ended: Callable[[], None]) -> None:
        """Call once when it is gone, from the running loop; at once if it is already."""
        if self.gone:
            ended()
            return
        loop = asyncio.get_running_loop()

        def on_end() -> None:
            loop.remove_reader(self._descriptor)
            self.gone = True
            ended()

        loop.add_reader(self._descriptor, on_end)
