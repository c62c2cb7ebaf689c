"""The client: the options of all its calls, and the verbs as methods."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Optional, TypeVar, Union

from . import requests
from ._calls import present, undoing
from ._volumes import Volumes
from .errors import NamespaceNotFoundError
from .library import DEFAULT, Library, LogCallback
from .models import Result
from .requests import Args, Call, Network, Path

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    P = ParamSpec("P")

T = TypeVar("T")


@dataclass(frozen=True)
class Options:
    """What holds for all calls of a client. What is None is the library's default, which ``cni.h`` names.

    Not changed once made: ``dataclasses.replace(client, timeout=5)`` makes another client.
    """

    conf_dir: Optional[Path] = None
    """Where networks are looked for by name."""
    plugin_dirs: Optional[Sequence[Path]] = None
    """Where plugin executables are looked for."""
    cache_dir: Optional[Path] = None
    """Where attachments are remembered; shared with Go programs."""
    state_dir: Optional[Path] = None
    """State of this boot; one directory per host network namespace."""
    owner: Optional[str] = None
    """Who attaches; GC touches only its own."""
    builtins: Optional[str] = None
    """``prefer``, ``fallback``, ``only`` or ``never``."""
    on_existing: Optional[str] = None
    """What ADD does when attached already: ``fail`` or ``replace``."""
    timeout: Optional[float] = None
    """Seconds; 0 for none."""
    rollback_timeout: Optional[float] = None
    """Seconds for undoing a failed ADD."""
    rollback: Optional[bool] = None
    """Whether a failed ADD is undone."""
    env: Optional[Mapping[str, str]] = None
    """Environment of plugin executables, over the process's own."""
    inherit_env: Optional[bool] = None
    """False: plugin executables get only ``env``."""
    ignore_unknown: Optional[bool] = None
    """Let unknown keys of a request pass."""
    volume_plugin_dirs: Optional[Sequence[Path]] = None
    """Where volume plugins are looked for by name."""
    volume_plugins: Optional[Mapping[str, str]] = None
    """Volume plugins that are not looked for: name to address, or to the path of a socket."""
    volume_retry: Optional[float] = None
    """Seconds to try again while a volume plugin cannot be found or connected to."""
    volume_reload: Optional[bool] = None
    """Shake hands anew, also with a volume plugin that is known."""
    volume_connect_timeout: Optional[float] = None
    """Seconds for each connection to a volume plugin; 0 for no bound of its own, as with the two that follow."""
    volume_activate_timeout: Optional[float] = None
    """Seconds for a volume plugin's handshake."""
    volume_header_timeout: Optional[float] = None
    """Seconds until a volume plugin's answer begins."""
    library: Library = field(default=DEFAULT)

    def request(self, call: Call[Any]) -> dict[str, Any]:
        """The whole request of a call."""
        options = requests.given(
            {},
            confDir=requests.fspath(self.conf_dir),
            pluginDirs=None if self.plugin_dirs is None else [os.fspath(entry) for entry in self.plugin_dirs],
            cacheDir=requests.fspath(self.cache_dir),
            stateDir=requests.fspath(self.state_dir),
            owner=self.owner,
            builtins=self.builtins,
            onExisting=self.on_existing,
            timeoutMs=milliseconds(self.timeout),
            rollbackTimeoutMs=milliseconds(self.rollback_timeout),
            rollback=self.rollback,
            env=self.env,
            inheritEnv=self.inherit_env,
            ignoreUnknown=self.ignore_unknown,
            volumePluginDirs=None
            if self.volume_plugin_dirs is None
            else [os.fspath(d) for d in self.volume_plugin_dirs],
            volumePlugins=self.volume_plugins,
            volumeRetryMs=milliseconds(self.volume_retry),
            volumeReload=self.volume_reload,
            volumeTimeouts=self._volume_timeouts() or None,
        )
        return {**call.request, "options": options} if options else call.request

    def _volume_timeouts(self) -> dict[str, Any]:
        return requests.given(
            {},
            connectMs=milliseconds(self.volume_connect_timeout),
            activateMs=milliseconds(self.volume_activate_timeout),
            headerMs=milliseconds(self.volume_header_timeout),
        )

    def make(self, call: Call[T]) -> T:
        """Make a call."""
        return call.decode(self.library.invoke(call.method, self.request(call)))


def verb(describe: Callable[P, Call[T]]) -> Callable[Concatenate[Client, P], T]:
    """The method that makes the call which a function of :mod:`cni.requests` describes."""

    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.make(describe(*args, **kwargs))

    present(method, describe)
    return method


@dataclass(frozen=True)
class Client(Options):
    """Makes calls with the same options. Holds nothing open; safe to use from any number of threads."""

    add = verb(requests.add)
    delete = verb(requests.delete)
    check = verb(requests.check)
    repair = verb(requests.repair)
    gc = verb(requests.gc)
    status = verb(requests.status)
    validate = verb(requests.validate)
    networks = verb(requests.networks)
    attachments = verb(requests.attachments)
    plugins = verb(requests.plugins)
    plugin_info = verb(requests.plugin_info)
    convert = verb(requests.convert)
    netns_create = verb(requests.netns_create)
    netns_delete = verb(requests.netns_delete)

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
        """Attach a container for the time of a with block. An error of detaching does not replace the block's own."""
        named: dict[str, Any] = {"container_id": container_id, "netns": netns, "if_name": if_name}
        named.update(args=args, capability_args=capability_args)
        result = self.add(network, **named)
        with undoing(lambda: self.delete(network, **named)):
            yield result

    @contextmanager
    def netns(self, name: Optional[str] = None, *, path: Optional[Path] = None) -> Iterator[str]:
        """A network namespace for the time of a with block; without a name it gets one of its own. Gives its path."""
        made = self.netns_create(own_name(name, path), path=path)
        with undoing(lambda: self._forget(made)):
            yield made

    def _forget(self, path: str) -> None:
        try:
            self.netns_delete(path=path)
        except NamespaceNotFoundError:
            return  # the block deleted it itself

    def call(self, method: str, request: Union[Mapping[str, Any], str, bytes, None] = None) -> Any:
        """Call any verb by its name (``"netns.create"``) with a request of one's own; the options are not added."""
        return self.library.call(method, request)

    def cancel(self, request_id: str) -> bool:
        """Cancel the call of that request id, which another thread makes. False if there is none under way."""
        return self.library.cancel(request_id)

    def describe(self) -> dict[str, Any]:
        """The API description: functions, kinds of error, and JSON Schema of requests and responses."""
        return self.library.describe()

    def set_log(self, callback: Optional[LogCallback]) -> None:
        """Send events to a callback, for the whole process; None for none. See :meth:`cni.Library.set_log`."""
        self.library.set_log(callback)

    def version(self) -> str:
        """The library's version, such as ``"0.1.0"``."""
        return self.library.version()


def own_name(name: Optional[str], path: Optional[Path]) -> Optional[str]:
    """The name of a namespace that is to have one: a new one if neither name nor path is given."""
    return f"cni-{uuid.uuid4().hex[:12]}" if name is None and path is None else name


def milliseconds(seconds: Optional[float]) -> Optional[int]:
    """Whole milliseconds; a time too short for one is still no 0, which would mean none."""
    if seconds is None:
        return None
    return max(1, round(seconds * 1000)) if seconds > 0 else round(seconds * 1000)
