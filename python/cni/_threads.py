"""Threads for the calls of coroutines: one for each call, so that no call waits for another.

A thread is started where the call is made, and sees the namespaces of that thread.
"""

from __future__ import annotations

import collections
import threading
from typing import Callable

LIMIT = 256
"""How many calls of coroutines run at once in a process; further calls wait for their turn."""

Job = Callable[[], object]


class Threads:
    """Runs jobs, at most a given number at once. A job does not raise."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._running = 0
        self._waiting: collections.deque[Job] = collections.deque()

    def run(self, job: Job) -> None:
        """Run a job in a thread, now or when the number of running jobs allows it."""
        with self._lock:
            if self._running >= self._limit:
                self._waiting.append(job)
                return
            self._running += 1
        try:
            start(lambda: self._work(job))
        except BaseException:
            with self._lock:
                self._running -= 1
            raise

    def _work(self, job: Job) -> None:
        """Run a job, and then those that wait for its place."""
        while True:
            job()
            with self._lock:
                if not self._waiting:
                    self._running -= 1
                    return
                job = self._waiting.popleft()


def start(job: Job) -> None:
    """Run a job in a thread at once. Raises RuntimeError if the process has too many threads.

    The thread does not keep the interpreter from ending, which stops the operations on record.
    """
    threading.Thread(target=job, name="cni", daemon=True).start()


THREADS = Threads(LIMIT)
