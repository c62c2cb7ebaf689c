"""The log callback that C holds is always one that Python keeps."""

from __future__ import annotations

import itertools
import threading
import time
from typing import Any, Optional

import pytest

from cni import library


class Slow:
    """A library whose first cni_set_log returns after the one that another thread began later."""

    _handle = -4711

    def __init__(self) -> None:
        self.held: Any = None
        self.calls = itertools.count()

    def cni_set_log(self, function: Any, user: Optional[int]) -> int:
        self.held = function
        if next(self.calls) == 0:
            end = time.monotonic() + 0.3
            while self._handle not in library.LOG_CALLBACKS and time.monotonic() < end:
                time.sleep(0.001)
        return 0


def test_threads_that_load_at_once_leave_the_callback_that_c_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = Slow()
    monkeypatch.setattr("cni._loader.load", lambda path: slow)
    both = [threading.Thread(target=library.Library().load) for _ in range(2)]
    try:
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        assert library.LOG_CALLBACKS[slow._handle] is slow.held
        assert next(slow.calls) == 1  # the second finds the callback of the first
    finally:
        library.LOG_CALLBACKS.pop(slow._handle, None)
