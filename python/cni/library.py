"""The loaded library: JSON in, JSON out, exceptions instead of codes.

:mod:`cni.client` adds types.
"""

from __future__ import annotations

import ctypes
import errno
import ipaddress
import json
import os
import threading
from collections.abc import Mapping
from typing import Any, Callable, Optional, Union

from . import _ffi, _loader, _log, errors
from ._arguments import named
from ._signals import whole
from .models import LogEvent, Network, PluginInfo, Result, VolumePlugin

LogCallback = Callable[[LogEvent], object]

LOG_CALLBACKS: dict[int, Any] = {}
"""The callback that C holds, by the handle of the library.

The log is process-wide, so the callback outlives the Library object.
"""

LOG_LOCK = threading.Lock()
"""Held while C gets a callback and LOG_CALLBACKS notes it: C must not keep one that is gone."""


class Library:
    """libcni.so, loaded at the first call. Any number of threads may use it; not after a fork.

    :param path: the file to load; without it, the library is found as the package's README says
    """

    def __init__(self, path: Union[str, os.PathLike[str], None] = None) -> None:
        self._path = None if path is None else os.fspath(path)
        self._cdll: Optional[ctypes.CDLL] = None
        self._interrupts = Interrupts()

    def __repr__(self) -> str:
        return f"Library({self._path!r})"

    def __reduce__(self) -> tuple[type[Library], tuple[Optional[str]]]:
        return Library, (self._path,)  # another process loads the library anew

    def load(self) -> None:
        """Load the library now. Raises LibraryLoadError. Calling it again does nothing."""
        self._loaded()

    def _loaded(self) -> ctypes.CDLL:
        if _loader.PROCESS.forked:
            raise errors.forked()
        if self._cdll is None:
            library = _loader.load(self._path)
            self._log_to(library, _log.to_logger, replacing=False)
            self._cdll = library
        return self._cdll

    def invoke(
        self,
        method: str,
        request: Union[Mapping[str, Any], bytes],
        succeeded: Optional[Callable[[], None]] = None,
    ) -> Any:
        """Call the C function of a verb (``netns.create`` is ``cni_netns_create``).

        ``succeeded`` is called before anything can be raised about a call that succeeded.
        """
        name = "cni_" + method.replace(".", "_")
        return self._answer(name, encode(request), succeeded=succeeded)

    def call(self, method: str, request: Union[Mapping[str, Any], str, bytes, None] = None) -> Any:
        """Call any verb the library has by its name, also one that is newer than this package."""
        return self._answer(
            "cni_call", c_string(method), encode({} if request is None else request)
        )

    def call_raw(self, method: str, request: Optional[bytes]) -> tuple[int, bytes]:
        """As :meth:`call`, but return the code and the response instead of raising errors."""
        text = None if request is None else c_string(request)
        rc, response = _ffi.respond(self._loaded(), "cni_call", c_string(method), text)
        self._interrupts.deliver()
        return rc, response or b""

    def _answer(
        self, name: str, *arguments: bytes, succeeded: Optional[Callable[[], None]] = None
    ) -> Any:
        rc, response = _ffi.respond(self._loaded(), name, *arguments)
        if rc == 0 and succeeded is not None:
            succeeded()
        self._interrupts.deliver()
        return errors.check(rc, decode(response))

    def cancel(self, request_id: str) -> bool:
        """Cancel the call with this request id, which another thread makes.

        False if no such call is in progress.
        """
        rc = self._loaded().cni_cancel(c_string(request_id))
        if rc == -errno.ENOENT:
            return False
        self._verdict("cni_cancel", rc)
        return True

    def describe(self) -> dict[str, Any]:
        """The description of the interface: functions, kinds, and JSON Schema of objects."""
        description: dict[str, Any] = self._answer("cni_describe")
        return description

    def version(self) -> str:
        """The library's version, such as ``"0.1.0"``."""
        version: bytes = self._loaded().cni_version()
        return version.decode()

    def abi_version(self) -> int:
        """The number in the library's soname."""
        number: int = self._loaded().cni_abi_version()
        return number

    def strerror(self, code: int) -> str:
        """A few words on a return value, for people."""
        words: bytes = self._loaded().cni_strerror(code)
        return words.decode()

    def set_log(self, callback: Optional[LogCallback]) -> None:
        """Set the log callback of the process. None, as at the start, logs to logger ``cni``.

        It runs on the thread that makes a call, during that call, and may only call :meth:`cancel`,
        :meth:`describe` and the version functions. What it raises goes to ``sys.unraisablehook``.
        """
        self._log_to(self._loaded(), callback or _log.to_logger)

    def _log_to(
        self, library: ctypes.CDLL, callback: LogCallback, replacing: bool = True
    ) -> None:
        function = self._interrupts.guard(callback)

        def exchange() -> None:
            with LOG_LOCK:
                if replacing or library._handle not in LOG_CALLBACKS:
                    self._verdict("cni_set_log", library.cni_set_log(function, None))
                    LOG_CALLBACKS[library._handle] = function

        whole(exchange)

    def _verdict(self, name: str, rc: int) -> None:
        """Raise for a function that returns a code and no response."""
        if rc == -errno.ENOTRECOVERABLE:
            raise errors.forked()
        if rc != 0:
            kind = {-errno.EBUSY: "busy", -errno.EINVAL: "invalid-request"}.get(rc, "")
            number = errno.errorcode.get(-rc, "")
            errors.check(
                rc,
                {"code": 999, "kind": kind, "errno": number, "msg": f"{name}: {self.strerror(rc)}"},
            )


class Interrupts:
    """Keeps KeyboardInterrupt and SystemExit of a log callback until the C call has returned.

    Each thread has its own.
    """

    def __init__(self) -> None:
        self._pending = threading.local()

    def guard(self, callback: LogCallback) -> Any:
        """The C function for a callback."""

        def on_event(event: bytes, _user: Optional[int]) -> None:
            try:
                callback(LogEvent.from_dict(json.loads(event)))
            except (KeyboardInterrupt, SystemExit) as interrupt:
                self._pending.interrupt = interrupt

        return _ffi.LogFunction(on_event)

    def deliver(self) -> None:
        """Raise what was kept."""
        interrupt = getattr(self._pending, "interrupt", None)
        if interrupt is not None:
            self._pending.interrupt = None
            raise interrupt


def encode(request: Union[Mapping[str, Any], str, bytes]) -> bytes:
    """A request as C takes it."""
    if isinstance(request, Mapping):
        return json.dumps(request, default=plain, separators=(",", ":")).encode()
    return c_string(request)


def plain(value: Any) -> Any:
    """The JSON form of what requests may hold besides JSON's own types."""
    if isinstance(value, Result):
        return value.raw
    if isinstance(value, (Network, PluginInfo, VolumePlugin)):
        return named(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, IP_TYPES):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be part of a request")


IP_TYPES = (
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Interface,
    ipaddress.IPv6Interface,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
)


def c_string(text: Union[str, bytes]) -> bytes:
    """The bytes of a C string, which ends at the first NUL and so must not have one."""
    data = text.encode() if isinstance(text, str) else text
    if b"\0" in data:
        raise ValueError(
            "a NUL character would end the string for the library; write it as \\u0000 in JSON"
        )
    return data


def decode(response: Optional[bytes]) -> Any:
    """A response as Python values; None for no response."""
    return None if not response else json.loads(response)


DEFAULT = Library()
"""The library of clients that are made without one."""
