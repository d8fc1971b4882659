"""Binding the replica's address, with a sentence when it is taken."""

from __future__ import annotations

import errno
import socket

from mainstay.base.errors import OperationFailed
from mainstay.http.server.loading import Assignment

BACKLOG = 1024


def listen(assignment: Assignment) -> socket.socket:
    """
    A listening socket on the assigned address.

    Raises:
        OperationFailed: Another process has the port, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in assignment.host else socket.AF_INET
    try:
        return socket.create_server((assignment.host, assignment.port), family=family, backlog=BACKLOG)
    except OSError as error:
        place = f"{assignment.host}:{assignment.port}"
        if error.errno == errno.EADDRINUSE:
            raise OperationFailed("serve.port-busy", f"another process listens on {place}") from None
        raise OperationFailed("serve.bind-failed", f"cannot listen on {place}: {error.strerror}") from None
