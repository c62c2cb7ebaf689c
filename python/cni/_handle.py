"""What can be done with an attachment that a client listed or made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional, TypeVar

if TYPE_CHECKING:
    from . import _aio, client
    from .models import Attachment, Removal, Repaired

H = TypeVar("H", bound="Handle")


class Handle:
    """The methods of :class:`cni.Attachment`. They use the client that the attachment is from."""

    _options: Optional[client.Options] = None

    def bound(self: H, options: Optional[client.Options]) -> H:
        """This attachment, which uses a client with these options from now on."""
        object.__setattr__(self, "_options", options)
        return self

    def check(self) -> None:
        """Check that the attachment is as ``add`` left it. See :meth:`cni.Client.check`."""
        self._client().check(**named(self))

    def repair(self) -> tuple[Repaired, ...]:
        """Restore what is missing on the host's side. See :meth:`cni.Client.repair`."""
        return self._client().repair(**named(self))

    def delete(self, *, force: bool = False) -> Removal:
        """Detach the container from the network. See :meth:`cni.Client.delete`."""
        return self._client().delete(**named(self), **place(self), force=force)

    @property
    def aio(self) -> AsyncHandle:
        """The same methods for asyncio: ``await attachment.aio.check()``."""
        return AsyncHandle(self)

    def _client(self) -> client.Client:
        from .client import Client  # noqa: PLC0415 - the client uses this class

        return Client(**self._known_options())

    def _known_options(self) -> dict[str, Any]:
        if self._options is None:
            raise ValueError("no client listed or made this attachment; call a method of a client")
        return dict(vars(self._options))


@dataclass(frozen=True)
class AsyncHandle:
    """The methods of :class:`cni.Attachment`, as coroutines."""

    attachment: Any

    async def check(self) -> None:
        """As :meth:`cni.Attachment.check`."""
        await self._client().check(**named(self.attachment))

    async def repair(self) -> tuple[Repaired, ...]:
        """As :meth:`cni.Attachment.repair`."""
        return await self._client().repair(**named(self.attachment))

    async def delete(self, *, force: bool = False) -> Removal:
        """As :meth:`cni.Attachment.delete`."""
        attachment = self.attachment
        return await self._client().delete(**named(attachment), **place(attachment), force=force)

    def _client(self) -> _aio.Client:
        from ._aio import Client  # noqa: PLC0415 - the client uses this class

        return Client(**self.attachment._known_options())


class Attached:
    """What the result of ``add`` knows about its attachment."""

    _attachment: Optional[Attachment] = None

    @property
    def attachment(self) -> Attachment:
        """The attachment that ``add`` or ``attach`` made, which can be checked and deleted."""
        if self._attachment is None:
            raise ValueError("this result is not of a call of add")
        return self._attachment


def named(attachment: Any) -> dict[str, Any]:
    """The arguments that name an attachment."""
    return {
        "network": attachment.network or None,
        "container_id": attachment.container_id,
        "if_name": attachment.if_name,
    }


def place(attachment: Any) -> dict[str, Any]:
    """The namespace, so that a newer attachment of the same name in another one stays."""
    return {"netns": attachment.netns or None}
