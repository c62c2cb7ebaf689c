"""What exists for the duration of a with block."""

from __future__ import annotations

from types import TracebackType
from typing import Generic, Optional, TypeVar

from ._operation import Operation
from ._tasks import begun, ended

T = TypeVar("T")


class Finalized(Generic[T]):
    """An operation that is undone with its object, should the block have been left in between.

    Python can be interrupted after ``__enter__`` returns and before the block begins (in
    contextlib.ExitStack, for example), and before the first instruction of ``__exit__``.
    """

    def __init__(self, operation: Operation[T]) -> None:
        self._operation = operation

    def __del__(self) -> None:
        if self._operation.made:
            self._operation.stop()


class Block(Finalized[T]):
    """A context manager that makes something, and removes it at the end of the block.

    If the block and the removal fail, the error of the block is raised, with a note.
    """

    def __enter__(self) -> T:
        try:
            return self._operation.begin()
        except BaseException as error:
            self._operation.stop(error)
            raise

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        try:
            self._operation.end()
        except Exception as failure:
            if error is None:
                raise
            self._operation.report(failure, error)
        except BaseException as interrupt:
            self._operation.stop(interrupt)  # end may have been interrupted before it began
            raise


class AsyncBlock(Finalized[T]):
    """As :class:`Block`, for asyncio. A task that is cancelled meanwhile stays cancelled."""

    async def __aenter__(self) -> T:
        return await begun(self._operation)

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await ended(self._operation, error)
