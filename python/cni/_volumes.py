"""The verbs about volumes as methods: :attr:`cni.Client.volumes` and, for asyncio, :attr:`cni.aio.Client.volumes`."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Optional, Protocol, TypeVar

from . import volume
from ._calls import present, undoing
from .requests import Call

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    P = ParamSpec("P")

T = TypeVar("T")


class Maker(Protocol):
    """A client."""

    def make(self, call: Call[T]) -> T: ...


class AsyncMaker(Protocol):
    """A client for asyncio."""

    async def make_async(self, call: Call[T]) -> T: ...

    def _undoing(self, undo: Call[Any]) -> AbstractAsyncContextManager[None]: ...


def verb(describe: Callable[P, Call[T]]) -> Callable[Concatenate[Volumes, P], T]:
    """The method that makes the call which a function of :mod:`cni.volume` describes."""

    def method(self: Volumes, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.client.make(describe(*args, **kwargs))

    present(method, describe)
    return method


@dataclass(frozen=True)
class Volumes:
    """Volume plugins of Docker and Podman, with the options of a client."""

    client: Maker

    create = verb(volume.create)
    remove = verb(volume.remove)
    mount = verb(volume.mount)
    unmount = verb(volume.unmount)
    path = verb(volume.path)
    get = verb(volume.get)
    list = verb(volume.list)
    capabilities = verb(volume.capabilities)
    plugins = verb(volume.plugins)

    @contextmanager
    def mounted(self, plugin: str, name: str, *, id: Optional[str] = None) -> Iterator[str]:  # noqa: A002
        """Mount a volume for the time of a with block, under an id of its own if none is given. Gives the path."""
        mount_id = own_id(id)
        mountpoint = self.mount(plugin, name, id=mount_id)
        with undoing(lambda: self.unmount(plugin, name, id=mount_id)):
            yield mountpoint


def async_verb(describe: Callable[P, Call[T]]) -> Callable[Concatenate[AsyncVolumes, P], Coroutine[Any, Any, T]]:
    """The coroutine method that makes the call which a function of :mod:`cni.volume` describes."""

    async def method(self: AsyncVolumes, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.client.make_async(describe(*args, **kwargs))

    present(method, describe)
    return method


@dataclass(frozen=True)
class AsyncVolumes:
    """As :class:`Volumes`, with coroutines. A cancelled ``mount`` leaves nothing mounted."""

    client: AsyncMaker

    create = async_verb(volume.create)
    remove = async_verb(volume.remove)
    mount = async_verb(volume.mount)
    unmount = async_verb(volume.unmount)
    path = async_verb(volume.path)
    get = async_verb(volume.get)
    list = async_verb(volume.list)
    capabilities = async_verb(volume.capabilities)
    plugins = async_verb(volume.plugins)

    @asynccontextmanager
    async def mounted(self, plugin: str, name: str, *, id: Optional[str] = None) -> AsyncIterator[str]:  # noqa: A002
        """As :meth:`Volumes.mounted`."""
        mount_id = own_id(id)
        mountpoint = await self.mount(plugin, name, id=mount_id)
        async with self.client._undoing(volume.unmount(plugin, name, id=mount_id)):
            yield mountpoint


def own_id(id: Optional[str]) -> str:  # noqa: A002
    """The id of a mount: a new one if none is given."""
    return uuid.uuid4().hex if id is None else id
