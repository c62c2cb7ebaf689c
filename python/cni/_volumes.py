"""The verbs about volumes: :attr:`cni.Client.volumes` and :attr:`cni.aio.Client.volumes`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from ._block import AsyncBlock, Block
from ._generated_verbs import AsyncVolumeVerbs, VolumeVerbs
from ._request import AsyncCaller, Call, Caller

T = TypeVar("T")


@dataclass(frozen=True)
class Volumes(VolumeVerbs):
    """Volume plugins of Docker and Podman, with the options of a client."""

    client: Caller

    def make(self, call: Call[T]) -> T:
        return self.client.make(call)

    def block(self, call: Call[T]) -> Block[T]:
        return self.client.block(call)


@dataclass(frozen=True)
class AsyncVolumes(AsyncVolumeVerbs):
    """As :class:`Volumes`, with coroutines. A cancelled ``mount`` leaves nothing mounted."""

    client: AsyncCaller

    async def make_async(self, call: Call[T]) -> T:
        return await self.client.make_async(call)

    def block(self, call: Call[T]) -> AsyncBlock[T]:
        return self.client.block(call)
