"""The client: the options of all its calls, and the verbs as methods."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Callable, Optional, TypeVar, Union

from ._arguments import milliseconds
from ._attachment import bind
from ._block import Block
from ._generated_options import OptionFields
from ._generated_verbs import Verbs
from ._operation import UNDONE_BY, Operation, made
from ._request import Call
from ._volumes import Volumes
from .errors import CNIError
from .library import DEFAULT, Library, LogCallback

__all__ = ["Client", "Options", "milliseconds"]

T = TypeVar("T")


@dataclass(frozen=True, repr=False)
class Options(OptionFields):
    """The options of all calls of a client, and the library that it calls.

    They do not change: ``dataclasses.replace(client, timeout=5)`` makes another client.
    """

    library: Library = field(default=DEFAULT)

    def request(self, call: Call[Any]) -> dict[str, Any]:
        """The whole request of a call."""
        options = dataclasses.replace(self, **call.options).as_object()
        return {**call.request, "options": options} if options else call.request

    def answer(
        self,
        method: str,
        request: Union[Mapping[str, Any], bytes],
        succeeded: Optional[Callable[[], None]] = None,
    ) -> Any:
        """The library's response to a request. The attachment in an error knows this client."""
        try:
            return self.library.invoke(method, request, succeeded)
        except CNIError as error:
            error.client = self
            raise

    def decoded(self, call: Call[T], response: Any) -> T:
        """The response of a call. The attachments in it know this client."""
        return bind(call.decode(response), self, call)

    def send(self, call: Call[T]) -> T:
        """Make a call that makes nothing."""
        return self.decoded(call, self.answer(call.method, self.request(call)))

    def cancel(self, request_id: str) -> bool:
        """Cancel the call with this request id, which another thread makes.

        False if no such call is in progress.
        """
        return self.library.cancel(request_id)


@dataclass(frozen=True, repr=False)
class Client(Options, Verbs):
    """Makes calls with the same options. Any number of threads may use it.

    Each method takes these options, too, for that call alone.
    """

    @property
    def volumes(self) -> Volumes:
        """Volume plugins of Docker and Podman."""
        return Volumes(self)

    def make(self, call: Call[T]) -> T:
        """Make a call. What it made is removed if it is interrupted, as by Ctrl-C."""
        return made(self, call) if call.method in UNDONE_BY else self.send(call)

    def block(self, call: Call[T]) -> Block[T]:
        """What the call makes, for the duration of a with block."""
        return Block(Operation(self, call))

    def call(self, method: str, request: Union[Mapping[str, Any], str, bytes, None] = None) -> Any:
        """Call any verb by its name (``"netns.create"``); the client's options are not added.

        :param method: name of the verb
        :param request: the request as a mapping, or as JSON; on the command line "-" reads it from
            standard input
        """
        return self.library.call(method, request)

    def describe(self) -> dict[str, Any]:
        """The description of the interface: functions, kinds, and JSON Schema of objects."""
        return self.library.describe()

    def set_log(self, callback: Optional[LogCallback]) -> None:
        """Set the log callback of the process. See :meth:`cni.Library.set_log`."""
        self.library.set_log(callback)

    def version(self) -> str:
        """The library's version, such as ``"0.1.0"``."""
        return self.library.version()
