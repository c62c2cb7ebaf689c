"""The client for asyncio: calls in threads, and what becomes of them when a task is cancelled."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Callable, Optional, TypeVar

from . import requests
from ._calls import report
from ._generated_verbs import AsyncVerbs
from ._request import Args, Call, Network, Path, nothing
from ._volumes import AsyncVolumes
from .client import Options, own_name
from .errors import NamespaceNotFoundError
from .models import Result

T = TypeVar("T")

UNDONE_BY = {"add": "del", "volume.mount": "volume.unmount"}

RETRY = 0.02  # seconds between two attempts to cancel a call that its thread has not begun


@dataclass(frozen=True)
class Client(Options, AsyncVerbs):
    """As :class:`cni.Client`, with coroutines. A cancelled ``add`` leaves nothing attached."""

    @property
    def volumes(self) -> AsyncVolumes:
        """Volume plugins of Docker and Podman."""
        return AsyncVolumes(self)

    async def make_async(self, call: Call[T]) -> T:
        """Make a call in a thread."""
        request_id = call.request.get("requestId") or uuid.uuid4().hex
        named = Call(call.method, {**call.request, "requestId": request_id}, call.decode)
        running = InThread(functools.partial(self.make, named))
        try:
            return await asyncio.shield(running.future)
        except asyncio.CancelledError:
            running.abandon()
            await ended(running.future, functools.partial(self.library.cancel, request_id))
            await self._take_back(call, running.future)
            raise

    async def _take_back(self, call: Call[Any], future: asyncio.Future[Any]) -> None:
        """Undo an ADD or a mount that was done before the cancelling reached it."""
        failed = future.cancelled() or future.exception() is not None
        if failed or call.method not in UNDONE_BY:
            return
        undo = Call(
            UNDONE_BY[call.method],
            {key: value for key, value in call.request.items() if key != "requestId"},
            nothing,
        )
        deleted = InThread(functools.partial(self.make, undo)).future
        await ended(deleted)
        error = deleted.exception()
        if isinstance(error, Exception):
            report(error, undo)

    @asynccontextmanager
    async def attach(
        self,
        network: Network,
        *,
        container_id: str,
        netns: Path,
        if_name: Optional[str] = None,
        args: Optional[Args] = None,
        capability_args: Optional[Mapping[str, Any]] = None,
    ) -> AsyncIterator[Result]:
        """As :meth:`cni.Client.attach`."""
        named: dict[str, Any] = {"container_id": container_id, "netns": netns, "if_name": if_name}
        named.update(args=args, capability_args=capability_args)
        result = await self.add(network, **named)
        async with self._undoing(requests.delete(network, **named)):
            yield result

    @asynccontextmanager
    async def netns(
        self, name: Optional[str] = None, *, path: Optional[Path] = None
    ) -> AsyncIterator[str]:
        """As :meth:`cni.Client.netns`."""
        made = await self.netns_create(own_name(name, path), path=path)
        async with self._undoing(requests.netns_delete(path=made)):
            yield made

    @asynccontextmanager
    async def _undoing(self, undo: Call[Any]) -> AsyncIterator[None]:
        """Make the call at the end of the block, even if the task is cancelled meanwhile."""
        try:
            yield
        except BaseException:
            try:
                await self._whole(undo)
            except Exception as error:
                report(error, undo)
            raise
        await self._whole(undo)

    async def _whole(self, undo: Call[Any]) -> None:
        """Make a call even if the task is cancelled; the task ends afterwards."""
        future = InThread(functools.partial(self.make, undo)).future
        interrupted = await ended(future)
        error = future.exception()
        if error is not None and not isinstance(error, NamespaceNotFoundError):
            raise error
        if interrupted:
            raise asyncio.CancelledError


class InThread:
    """A call in a thread of the event loop's pool that can be abandoned."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._lock = threading.Lock()
        self._abandoned = False
        self._make = make
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = loop.run_in_executor(
            None, functools.partial(context.run, self._run)
        )

    def _run(self) -> Any:
        with self._lock:
            if self._abandoned:
                raise AbandonedError
        return self._make()

    def abandon(self) -> None:
        """Do not begin the call if it has not begun."""
        with self._lock:
            self._abandoned = True


class AbandonedError(Exception):
    """The call was abandoned before its thread began it. The cancelled task never sees this."""


async def ended(future: asyncio.Future[Any], cancel: Optional[Callable[[], bool]] = None) -> bool:
    """Wait for the end of a call, and repeat cancel until it succeeds.

    Returns whether the waiting task was cancelled.
    """
    interrupted = False
    cancelled = cancel is None
    while not future.done():
        cancelled = cancelled or (cancel is not None and cancel())
        try:
            await asyncio.wait({future}, timeout=None if cancelled else RETRY)
        except asyncio.CancelledError:
            interrupted = True
    return interrupted
