"""Calls before they are made, and how arguments become the keys of a request."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Callable, Generic, Optional, TypeVar, Union

from .models import Attachment, AttachmentID

T = TypeVar("T")

Path = Union[str, "os.PathLike[str]"]
Network = Union[str, Mapping[str, Any], "os.PathLike[str]"]
"""A network: its name, its configuration (a list or a single plugin), or a path object."""
Args = Union[Mapping[str, str], Iterable[tuple[str, str]]]
Valid = Union[Attachment, AttachmentID, tuple[str, str]]
"""A valid attachment: one that was listed, or a pair of container id and interface name."""


@dataclass(frozen=True)
class Call(Generic[T]):
    """A call that has not been made."""

    method: str
    request: dict[str, Any]
    decode: Callable[[Any], T]


class Caller:
    """Makes calls."""

    def make(self, call: Call[T]) -> T:
        """Make a call."""
        raise NotImplementedError


class AsyncCaller:
    """Makes calls without blocking the event loop."""

    async def make_async(self, call: Call[T]) -> T:
        """Make a call in a thread."""
        raise NotImplementedError


def given(request: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """The request, with the keys that have a value; the library knows the defaults."""
    return {**request, **{key: value for key, value in keys.items() if value is not None}}


def chosen(network: Optional[Network]) -> dict[str, Any]:
    """The key of a network: ``networkFile`` for a path object."""
    if isinstance(network, os.PathLike):
        return {"networkFile": os.fspath(network)}
    return {} if network is None else {"network": network}


def fspath(path: Optional[Path]) -> Optional[str]:
    return None if path is None else os.fspath(path)


def fspaths(paths: Optional[Iterable[Path]]) -> Optional[list[str]]:
    return None if paths is None else [os.fspath(path) for path in paths]


def cni_args(args: Optional[Args]) -> Any:
    return args if args is None or isinstance(args, Mapping) else [list(pair) for pair in args]


def valid_keys(items: Iterable[Valid]) -> list[dict[str, str]]:
    return [valid_key(item) for item in items]


def valid_key(item: Valid) -> dict[str, str]:
    container_id, if_name = item if isinstance(item, tuple) else (item.container_id, item.if_name)
    return {"containerId": container_id, "ifName": if_name}


def milliseconds(seconds: Optional[float]) -> Optional[int]:
    """Whole milliseconds; a time shorter than one becomes 1, since 0 means no limit."""
    if seconds is None:
        return None
    return max(1, round(seconds * 1000)) if seconds > 0 else round(seconds * 1000)


def nothing(_response: Any) -> None:
    return None
