"""The client: the options of all its calls, and the verbs as methods."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Optional, TypeVar, Union

from ._calls import undoing
from ._generated_options import OptionFields
from ._generated_verbs import Verbs
from ._request import Args, Call, Caller, Network, Path, milliseconds
from ._volumes import Volumes
from .errors import NamespaceNotFoundError
from .library import DEFAULT, Library, LogCallback
from .models import Result

__all__ = ["Client", "Options", "milliseconds"]

T = TypeVar("T")


@dataclass(frozen=True)
class Options(OptionFields, Caller):
    """The options of all calls of a client, and the library that it calls.

    They do not change: ``dataclasses.replace(client, timeout=5)`` makes another client.
    """

    library: Library = field(default=DEFAULT)

    def request(self, call: Call[Any]) -> dict[str, Any]:
        """The whole request of a call."""
        options = self.as_object()
        return {**call.request, "options": options} if options else call.request

    def make(self, call: Call[T]) -> T:
        """Make a call."""
        return call.decode(self.library.invoke(call.method, self.request(call)))


@dataclass(frozen=True)
class Client(Options, Verbs):
    """Makes calls with the same options. Any number of threads may use it."""

    @property
    def volumes(self) -> Volumes:
        """Volume plugins of Docker and Podman."""
        return Volumes(self)

    @contextmanager
    def attach(
        self,
        network: Network,
        *,
        container_id: str,
        netns: Path,
        if_name: Optional[str] = None,
        args: Optional[Args] = None,
        capability_args: Optional[Mapping[str, Any]] = None,
    ) -> Iterator[Result]:
        """Attach a container for the duration of a with block.

        If the block and the detachment fail, the error of the block is raised.
        """
        named: dict[str, Any] = {"container_id": container_id, "netns": netns, "if_name": if_name}
        named.update(args=args, capability_args=capability_args)
        result = self.add(network, **named)
        with undoing(lambda: self.delete(network, **named)):
            yield result

    @contextmanager
    def netns(self, name: Optional[str] = None, *, path: Optional[Path] = None) -> Iterator[str]:
        """A network namespace for the duration of a with block; gives its path.

        Without name and path, the namespace gets a new name.
        """
        made = self.netns_create(own_name(name, path), path=path)
        with undoing(lambda: self._forget(made)):
            yield made

    def _forget(self, path: str) -> None:
        try:
            self.netns_delete(path=path)
        except NamespaceNotFoundError:
            return  # the block deleted it itself

    def call(self, method: str, request: Union[Mapping[str, Any], str, bytes, None] = None) -> Any:
        """Call any verb by its name (``"netns.create"``); the client's options are not added."""
        return self.library.call(method, request)

    def cancel(self, request_id: str) -> bool:
        """Cancel the call with this request id, which another thread makes.

        False if no such call is in progress.
        """
        return self.library.cancel(request_id)

    def describe(self) -> dict[str, Any]:
        """The description of the interface: functions, kinds, and JSON Schema of objects."""
        return self.library.describe()

    def set_log(self, callback: Optional[LogCallback]) -> None:
        """Set the log callback of the process; None for none. See :meth:`cni.Library.set_log`."""
        self.library.set_log(callback)

    def version(self) -> str:
        """The library's version, such as ``"0.1.0"``."""
        return self.library.version()


def own_name(name: Optional[str], path: Optional[Path]) -> Optional[str]:
    """The name of a namespace that is to have one: a new one if neither name nor path is given."""
    return f"cni-{uuid.uuid4().hex[:12]}" if name is None and path is None else name
