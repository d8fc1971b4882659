"""A TCP forwarder: the switch between a client and a server that stays up."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType


class Forwarder:
    """Listens on one loopback port and passes everything to another, while entered."""

    def __init__(self, port: int, target: int) -> None:
        self._port = port
        self._target = target
        self._open: list[socket.socket] = []

    def __enter__(self) -> Forwarder:
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._open.append(self._listener)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()

    def cut(self) -> None:
        """End every connection, and take no more."""
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._open += [client, server]
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=_pass_on, args=(source, sink), daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
