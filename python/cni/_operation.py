"""Calls that are cancelled or undone if they are interrupted.

An operation is on record from before its call begins until what the call made has been removed or
belongs to the caller. Whatever ends the code that wanted it, somebody finds it on record and undoes
it: the ``except`` of that code, the block's finalizer, or the end of the interpreter.
"""

from __future__ import annotations

import atexit
import threading
import uuid
from typing import Any, Callable, Generic, Optional, Protocol, TypeVar

from . import _loader, errors
from ._reports import report
from ._request import Call
from ._signals import whole
from .library import encode

T = TypeVar("T")

UNDONE_BY = {"add": "del", "netns.create": "netns.delete", "volume.mount": "volume.unmount"}
"""The verbs that make something, and the verbs that remove it with the same request.

``volume.create`` is not among them: it also succeeds for a volume that was there before, with data.
"""

UNDOING = {
    "del": "detach container {containerId}",
    "netns.delete": "delete network namespace {name}{path}",
    "volume.unmount": "unmount volume {name}",
}

RETRY = 0.02  # seconds between two attempts to cancel a call that its thread has not begun


class Sender(Protocol):
    """What an operation needs of a client."""

    def request(self, call: Call[Any]) -> dict[str, Any]: ...

    def answer(
        self, method: str, request: bytes, succeeded: Optional[Callable[[], None]] = None
    ) -> Any: ...

    def decoded(self, call: Call[T], response: Any) -> T: ...

    def cancel(self, request_id: str) -> bool: ...


class AbandonedError(Exception):
    """The operation was stopped before it began, and nobody waits for its result."""


class Operation(Generic[T]):
    """A call in progress, or done, and how to undo it. The requests are fixed at once."""

    def __init__(self, sender: Sender, call: Call[T]) -> None:
        self._sender = sender
        self._call = call
        request = dict(sender.request(call))
        self._id: str = request.pop("requestId", None) or uuid.uuid4().hex
        self._sent = encode({**request, "requestId": self._id})
        self._undo = UNDONE_BY.get(call.method)
        self._undo_sent = encode(request) if self._undo else b""
        self._lock = threading.Lock()  # held while the library is called
        self._stopped = False
        self._made = False
        self._names = Named(request)

    @property
    def made(self) -> bool:
        """Whether the call made something that is still there, for which nobody else cares."""
        return self._made

    def begin(self) -> T:
        """Make the call."""
        response = whole(self._begin)
        return self._sender.decoded(self._call, response)

    def _begin(self) -> Any:
        with self._lock:
            if self._stopped:
                raise AbandonedError
            RECORD.add(self)
            try:
                return self._sender.answer(self._call.method, self._sent, self._succeeded)
            finally:
                if not self._made:
                    RECORD.remove(self)

    def _succeeded(self) -> None:
        self._made = self._undo is not None

    def keep(self) -> None:
        """What was made belongs to the caller from now on."""
        RECORD.remove(self)
        self._made = False

    def end(self) -> None:
        """Remove what was made, if that has not been tried yet. Raises the error of the call."""
        whole(self._end)

    def _end(self) -> None:
        with self._lock:
            if self._undo is None or not self._made:
                return
            try:
                self._sender.answer(self._undo, self._undo_sent)
            except errors.NamespaceNotFoundError:
                return  # the block deleted it itself
            finally:
                self.keep()  # a second attempt might remove what has been made anew

    def stop(self, error: Optional[BaseException] = None) -> None:
        """Cancel the call if it is in progress, and remove what it made.

        A failure is reported as a note of error, the exception that is on its way.
        """
        if not _loader.PROCESS.forked:  # what a parent process has made stays
            whole(lambda: self._stop(error))

    def _stop(self, error: Optional[BaseException]) -> None:
        self._stopped = True
        while not self._lock.acquire(timeout=RETRY):
            self._cancel()
        self._lock.release()
        try:
            self._end()
        except Exception as failure:
            self.report(failure, error)

    def _cancel(self) -> None:
        try:
            self._sender.cancel(self._id)
        except Exception as failure:
            report(f"libcni: cannot cancel {self._call.method}: {failure}", None)

    def report(self, failure: BaseException, error: Optional[BaseException]) -> None:
        """Report that what was made could not be removed."""
        what = UNDOING.get(self._undo or "", "undo").format_map(self._names)
        report(f"libcni: cannot {what}: {failure}", error)


class Named(dict[str, Any]):
    """The keys of a request; those that it lacks are empty."""

    def __missing__(self, key: str) -> str:
        return ""


class Record:
    """The operations of the process, in the order in which they began."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._operations: dict[Operation[Any], None] = {}
        self._ending = False

    def add(self, operation: Operation[Any]) -> None:
        """Put an operation on record. At the end of the interpreter, none of a thread is accepted:
        the interpreter would end in the middle of it.
        """
        if _loader.PROCESS.forked:
            raise errors.forked()  # the lock may be that of a thread of the parent
        with self._lock:
            if self._ending and threading.current_thread() is not threading.main_thread():
                raise AbandonedError("the interpreter is ending")
            self._operations[operation] = None

    def remove(self, operation: Operation[Any]) -> None:
        self._operations.pop(operation, None)

    def stop_all(self) -> None:
        """Stop the operations of threads that still run, and of code that never ended its block."""
        with self._lock:
            self._ending = True
            operations = list(self._operations)
        for operation in reversed(operations):
            operation.stop()


RECORD = Record()

atexit.register(RECORD.stop_all)


def made(sender: Sender, call: Call[T]) -> T:
    """Make a call. What it made is removed if the call is interrupted."""
    operation = Operation(sender, call)
    try:
        result = operation.begin()
        operation.keep()
        return result
    except BaseException as error:
        operation.stop(error)
        raise
