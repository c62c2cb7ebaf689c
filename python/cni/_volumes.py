"""The verbs about volumes: :attr:`cni.Client.volumes` and :attr:`cni.aio.Client.volumes`."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Optional, Protocol, TypeVar

from . import volume
from ._calls import undoing
from ._generated_verbs import AsyncVolumeVerbs, VolumeVerbs
from ._request import Call, Caller

T = TypeVar("T")


@dataclass(frozen=True)
class Volumes(VolumeVerbs):
    """Volume plugins of Docker and Podman, with the options of a client."""

    client: Caller

    def make(self, call: Call[T]) -> T:
        return self.client.make(call)

    @contextmanager
    def mounted(
        self,
        plugin: str,
        name: str,
        *,
        id: Optional[str] = None,  # noqa: A002
    ) -> Iterator[str]:
        """Mount a volume for the duration of a with block; gives the path.

        Without an id, the mount gets a new one.
        """
        mount_id = own_id(id)
        mountpoint = self.mount(plugin, name, id=mount_id)
        with undoing(lambda: self.unmount(plugin, name, id=mount_id)):
            yield mountpoint


class AsyncUndoer(Protocol):
    """A client for asyncio."""

    async def make_async(self, call: Call[T]) -> T: ...

    def _undoing(self, undo: Call[Any]) -> AbstractAsyncContextManager[None]: ...


@dataclass(frozen=True)
class AsyncVolumes(AsyncVolumeVerbs):
    """As :class:`Volumes`, with coroutines. A cancelled ``mount`` leaves nothing mounted."""

    client: AsyncUndoer

    async def make_async(self, call: Call[T]) -> T:
        return await self.client.make_async(call)

    @asynccontextmanager
    async def mounted(
        self,
        plugin: str,
        name: str,
        *,
        id: Optional[str] = None,  # noqa: A002
    ) -> AsyncIterator[str]:
        """As :meth:`Volumes.mounted`."""
        mount_id = own_id(id)
        mountpoint = await self.mount(plugin, name, id=mount_id)
        async with self.client._undoing(volume.unmount(plugin, name, id=mount_id)):
            yield mountpoint


def own_id(id: Optional[str]) -> str:  # noqa: A002
    """The id of a mount: a new one if none is given."""
    return uuid.uuid4().hex if id is None else id
