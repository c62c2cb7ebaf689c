"""The client for asyncio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from ._block import AsyncBlock
from ._generated_verbs import AsyncVerbs
from ._operation import Operation
from ._request import Call
from ._tasks import begun
from ._volumes import AsyncVolumes
from .client import Options

T = TypeVar("T")


@dataclass(frozen=True, repr=False)
class Client(Options, AsyncVerbs):
    """As :class:`cni.Client`, with coroutines.

    Cancelling a task cancels its call and waits until it has ended; a cancelled ``add``,
    ``netns_create`` or ``volumes.mount`` leaves nothing. Each call runs in a thread of its own, up
    to 256 at once in a process; further calls wait for their turn.
    """

    @property
    def volumes(self) -> AsyncVolumes:
        """Volume plugins of Docker and Podman."""
        return AsyncVolumes(self)

    async def make_async(self, call: Call[T]) -> T:
        """Make a call in a thread."""
        operation = Operation(self, call)
        result = await begun(operation)
        operation.keep()
        return result

    def block(self, call: Call[T]) -> AsyncBlock[T]:
        """What the call makes, for the duration of an async with block."""
        return AsyncBlock(Operation(self, call))
