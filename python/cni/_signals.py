"""Runs a function whole: Python's signal handlers, which may raise, run after it."""

from __future__ import annotations

import ctypes
import signal
import threading
from types import FrameType
from typing import Any, Callable, Optional, TypeVar

T = TypeVar("T")

SIGNALS = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})

SIGACTION = ctypes.CDLL(None).sigaction
STRUCT_SIGACTION = 512
"""Bytes that hold a struct sigaction, which is never looked into."""


def whole(do: Callable[[], T]) -> T:
    """Run do. Signals that arrive meanwhile are handled at the end.

    Ctrl-C raises KeyboardInterrupt between any two instructions of the main thread, and other
    handlers raise there too. Between a call of the library and the note of what it made, that would
    lose it.
    """
    if threading.current_thread() is not threading.main_thread():
        return do()  # handlers run in the main thread only
    waiting = Waiting()
    try:
        waiting.begin()
        return do()
    finally:
        waiting.end()


class Waiting:
    """Stands in for the signal handlers of the process, and keeps the signals until the end."""

    def __init__(self) -> None:
        self._handlers: dict[int, Any] = {}
        self._dispositions: dict[int, Any] = {}
        self._kept: list[tuple[int, Optional[FrameType]]] = []
        self._over = False

    def __call__(self, number: int, frame: Optional[FrameType]) -> None:
        if self._over:  # end was interrupted before it restored this handler
            self._handlers[number](number, frame)
        else:
            self._kept.append((number, frame))

    def begin(self) -> None:
        """Replace the handlers that are Python functions."""
        for number in SIGNALS:
            handler = signal.getsignal(number)
            if callable(handler):
                self._handlers[number] = handler
                self._dispositions[number] = disposition(number)
                signal.signal(number, self)

    def end(self) -> None:
        """Restore the handlers, and handle the signals that were kept."""
        try:
            for number, handler in self._handlers.items():
                replaced_meanwhile = signal.getsignal(number) is not self
                if not replaced_meanwhile:
                    signal.signal(number, handler)
                    dispose(number, self._dispositions[number])
        finally:
            self._over = True
            while self._kept:
                number, frame = self._kept.pop(0)
                self._handlers[number](number, frame)


def disposition(number: int) -> Any:
    """What the process does with a signal, as in C.

    Python's own function forgets the flags, such as SA_RESTART, which asyncio sets, and handlers in
    C, such as those of faulthandler.
    """
    saved = ctypes.create_string_buffer(STRUCT_SIGACTION)
    SIGACTION(number, None, saved)
    return saved


def dispose(number: int, saved: Any) -> None:
    """Restore what the process does with a signal."""
    SIGACTION(number, saved, None)
