"""Looking into network namespaces from a test, without any program's help."""

from __future__ import annotations

import ctypes
import os
import socket
import threading
from typing import Callable, TypeVar

T = TypeVar("T")

CLONE_NEWNET = 0x40000000


def links() -> set[str]:
    """The names of the interfaces where the calling thread is."""
    return {name for _, name in socket.if_nameindex()}


def inside(path: str, function: Callable[[], T]) -> T:
    """Run a function in a namespace: in a thread of its own, which ends there."""
    answers: list[T] = []
    troubles: list[BaseException] = []

    def enter() -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                setns(descriptor)
            finally:
                os.close(descriptor)
            answers.append(function())
        except BaseException as trouble:
            troubles.append(trouble)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    if troubles:
        raise troubles[0]
    return answers[0]


def setns(descriptor: int) -> None:
    """setns(2), for the calling thread alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def echo_once(address: str) -> tuple[str, int]:
    """Start a TCP server in the caller's namespace for one connection; return its address."""
    server = socket.create_server((address, 0))

    def serve() -> None:
        with server, server.accept()[0] as connection:
            connection.sendall(b"from inside: " + connection.recv(100))

    threading.Thread(target=serve, daemon=True).start()
    name: tuple[str, int] = server.getsockname()
    return name


def ask(where: tuple[str, int]) -> bytes:
    """Send a word to the server and return its answer."""
    with socket.create_connection(where, timeout=10) as connection:
        connection.sendall(b"hello")
        return connection.recv(100)
