"""Operations in threads, for coroutines: what becomes of them when a task is cancelled."""

from __future__ import annotations

import asyncio
import contextvars
import functools
from typing import Any, Callable, Generic, Optional, TypeVar

from . import _loader, _threads, errors
from ._operation import Operation

T = TypeVar("T")

LOOK = 0.1  # seconds between two looks whether a thread has ended, should its message be lost


class InThread(Generic[T]):
    """A function that runs in a thread, for a coroutine of the running loop."""

    def __init__(self, run: Callable[[Callable[[], object]], None], do: Callable[[], T]) -> None:
        if _loader.PROCESS.forked:
            raise errors.forked()
        self._do = do
        self._outcome: Optional[tuple[Any, Optional[BaseException]]] = None
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        run(functools.partial(contextvars.copy_context().run, self._run))

    def _run(self) -> None:
        try:
            self._outcome = self._do(), None
        except BaseException as error:
            self._outcome = None, error
        try:
            self._loop.call_soon_threadsafe(self._tell)
        except RuntimeError:
            return  # the loop is closed: nobody waits

    def _tell(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    async def result(self) -> T:
        """Wait for the end, and return or raise what the function did. Can be cancelled."""
        while self._outcome is None:
            await asyncio.wait({self._ended})
        value, error = self._outcome
        if error is not None:
            raise error
        result: T = value
        return result

    async def ended(self) -> Optional[asyncio.CancelledError]:
        """Wait for the end even if the task is cancelled; return the last such exception."""
        cancelled = None
        while self._outcome is None:
            try:
                await asyncio.wait({self._ended}, timeout=LOOK)
            except asyncio.CancelledError as error:
                cancelled = error
        return cancelled

    @property
    def error(self) -> Optional[BaseException]:
        """What the function raised."""
        return self._outcome[1] if self._outcome else None


def at_once(job: Callable[[], object]) -> None:
    """Run a job in a thread beyond the limit, or in this thread if there can be no other."""
    try:
        _threads.start(job)
    except RuntimeError:
        job()


async def begun(operation: Operation[T]) -> T:
    """Begin an operation in a thread.

    If the task is cancelled, so is the call; when it has ended, what it made is removed.
    """
    beginning = None
    try:
        beginning = InThread(_threads.THREADS.run, operation.begin)
        return await beginning.result()
    except GeneratorExit as error:  # the coroutine is being closed, and must not wait
        operation.stop(error)
        raise
    except BaseException as error:
        if beginning is None or error is not beginning.error:
            await InThread(at_once, functools.partial(operation.stop, error)).ended()
        raise


async def ended(operation: Operation[Any], error: Optional[BaseException]) -> None:
    """Undo an operation in a thread, at the end of a block that raised error.

    The removal completes even if the task is cancelled, and the task is cancelled afterwards.
    """
    if isinstance(error, GeneratorExit):
        operation.stop(error)
        return
    removal = InThread(at_once, operation.end)
    cancelled = await removal.ended()
    failure = removal.error
    if failure is not None:
        if error is None and cancelled is None:
            raise failure
        operation.report(failure, cancelled or error)
    if cancelled is not None:
        raise cancelled
