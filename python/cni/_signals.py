"""Runs a function whole: Python's signal handlers, which may raise, run after it."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Callable, Optional, TypeVar

T = TypeVar("T")

SIGNALS = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})


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
                signal.signal(number, self)

    def end(self) -> None:
        """Restore the handlers, and handle the signals that were kept."""
        try:
            for number, handler in self._handlers.items():
                if signal.getsignal(number) is self:
                    signal.signal(number, handler)
        finally:
            self._over = True
            while self._kept:
                number, frame = self._kept.pop(0)
                self._handlers[number](number, frame)
