"""How arguments become the keys of a request."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Optional, Union

from .errors import InvalidRequestError
from .models import Attachment, AttachmentID, Network, PluginInfo, VolumePlugin

Path = Union[str, "os.PathLike[str]"]
NetworkLike = Union[str, Mapping[str, Any], "os.PathLike[str]", Network]
"""A network: its name, its configuration (a list or a single plugin), a path object of its file, or
one that :func:`cni.networks` listed, which stands for its name.
"""
NetworkName = Union[str, Network]
PluginName = Union[str, PluginInfo]
VolumePluginName = Union[str, VolumePlugin]
Args = Union[Mapping[str, str], Iterable[tuple[str, str]]]
Valid = Union[Attachment, AttachmentID, tuple[str, str]]
"""A valid attachment: one that was listed, or a pair of container id and interface name."""


def given(request: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """The request, with the keys that have a value; the library knows the defaults."""
    return {**request, **{key: value for key, value in keys.items() if value is not None}}


def chosen(network: Optional[NetworkLike]) -> dict[str, Any]:
    """The key of a network: ``networkFile`` for a path object."""
    if isinstance(network, os.PathLike):
        return {"networkFile": os.fspath(network)}
    return {} if network is None else {"network": named(network)}


def named(listed: Any) -> Any:
    """The name of a network or plugin that was listed; anything else as it is."""
    if isinstance(listed, (Network, VolumePlugin)):
        return listed.name
    return listed.type if isinstance(listed, PluginInfo) else listed


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


LONGEST = (2**63 - 1) // 10**6
"""The most milliseconds that the library takes: 292 years."""


def milliseconds(seconds: Optional[float], name: str = "timeout") -> Optional[int]:
    """Whole milliseconds; a time shorter than one becomes 1, since 0 means no limit.

    InvalidRequestError names an option that cannot be such a time.
    """
    if seconds is None:
        return None
    if not 0 <= seconds <= LONGEST // 1000:  # nor is NaN
        message = f"{name}: {seconds} cannot be used; give seconds, or 0 for none"
        raw = {"code": 4, "kind": "invalid-request", "msg": message, "details": name}
        raise InvalidRequestError(raw, -errno.EINVAL)
    return max(1, round(seconds * 1000)) if seconds > 0 else 0


def own_name(name: Optional[str], path: Optional[Path]) -> Optional[str]:
    """The name of a namespace that is to have one: a new one if neither name nor path is given."""
    return f"cni-{uuid.uuid4().hex[:12]}" if name is None and path is None else name


def own_id(id: Optional[str]) -> str:  # noqa: A002
    """The id of a mount: a new one if none is given."""
    return uuid.uuid4().hex if id is None else id
