"""The verbs: what each takes, the request it makes of that, and what the response becomes.

A verb here only describes its call. :class:`cni.Client` makes the call, :class:`cni.aio.Client` does so without
blocking; both have every verb of this module as a method, with these arguments.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Callable, Generic, Optional, TypeVar, Union

from .models import (
    Attachment,
    AttachmentID,
    AttachmentList,
    NetworkList,
    PluginInfo,
    PluginList,
    Removal,
    Repaired,
    Result,
    Validation,
    each,
    objects,
)

T = TypeVar("T")

Path = Union[str, "os.PathLike[str]"]
Network = Union[str, Mapping[str, Any], "os.PathLike[str]"]
"""A network: its name, its configuration (a list or a single plugin), or a path object for a configuration file."""
Args = Union[Mapping[str, str], Iterable[tuple[str, str]]]
Valid = Union[Attachment, AttachmentID, tuple[str, str]]
"""An attachment that is valid: one that was listed, or a pair of container id and interface name."""


@dataclass(frozen=True)
class Call(Generic[T]):
    """A call that was not made yet."""

    method: str
    request: dict[str, Any]
    decode: Callable[[Any], T]


def add(
    network: Network,
    *,
    container_id: str,
    netns: Path,
    if_name: Optional[str] = None,
    args: Optional[Args] = None,
    capability_args: Optional[Mapping[str, Any]] = None,
    request_id: Optional[str] = None,
) -> Call[Result]:
    """Attach a container to a network.

    :param network: a name, a configuration, or a path object
    :param netns: the path of the container's network namespace
    :param if_name: the interface's name in the container; ``eth0`` if left out
    :param args: strings for plugins (CNI_ARGS)
    :param capability_args: by capability, such as ``portMappings`` or ``ips``
    :param request_id: a name for :func:`cni.cancel`
    """
    request = attachment(network, container_id, if_name, netns, args, capability_args, request_id)
    return Call("add", request, Result.from_dict)


def delete(
    network: Optional[Network] = None,
    *,
    container_id: str,
    if_name: Optional[str] = None,
    netns: Optional[Path] = None,
    args: Optional[Args] = None,
    capability_args: Optional[Mapping[str, Any]] = None,
    force: bool = False,
    request_id: Optional[str] = None,
) -> Call[Removal]:
    """Detach a container: from one network, or without ``network`` from all it is remembered to be attached to.

    Nothing to detach is success. A failing plugin ends it and keeps the attachment for another try; ``force`` goes on.
    """
    request = attachment(network, container_id, if_name, netns, args, capability_args, request_id)
    return Call("del", given(request, force=force or None), Removal.from_dict)


def check(
    network: Optional[Network] = None,
    *,
    container_id: str,
    if_name: Optional[str] = None,
    netns: Optional[Path] = None,
    args: Optional[Args] = None,
    capability_args: Optional[Mapping[str, Any]] = None,
    request_id: Optional[str] = None,
) -> Call[None]:
    """Check that an attachment is as ADD left it; DriftError lists every difference."""
    request = attachment(network, container_id, if_name, netns, args, capability_args, request_id)
    return Call("check", request, nothing)


def repair(
    network: Optional[Network] = None,
    *,
    container_id: Optional[str] = None,
    if_name: Optional[str] = None,
    netns: Optional[Path] = None,
    args: Optional[Args] = None,
    capability_args: Optional[Mapping[str, Any]] = None,
    everything: bool = False,
    request_id: Optional[str] = None,
) -> Call[tuple[Repaired, ...]]:
    """Put back what CHECK finds missing on the host's side, and say what it was.

    :param everything: every attachment of the owner; then no other argument but ``request_id``
    """
    request = attachment(network, container_id, if_name, netns, args, capability_args, request_id)
    return Call(
        "repair",
        given(request, all=everything or None),
        lambda response: each(Repaired.from_dict, objects(response, "repaired")),
    )


def gc(
    network: Network,
    *,
    valid_attachments: Iterable[Valid],
    as_of: str,
    dry_run: bool = False,
    request_id: Optional[str] = None,
) -> Call[tuple[AttachmentID, ...]]:
    """Remove what is left of attachments that no longer exist, and say which they were.

    :param valid_attachments: what must stay
    :param as_of: from :func:`cni.attachments`, called before the list of valid ones was made; newer ones always stay,
        and so do those of the last 60 seconds
    :param dry_run: only say what would be removed
    """
    valid = [valid_key(item) for item in valid_attachments]
    request = given(chosen(network), validAttachments=valid, asOf=as_of, dryRun=dry_run or None, requestId=request_id)
    return Call("gc", request, lambda response: each(AttachmentID.from_dict, objects(response, "removed")))


def status(network: Network, *, request_id: Optional[str] = None) -> Call[None]:
    """Ask whether ADD could succeed now; PluginFailedError with code 50 or 51 if not."""
    return Call("status", given(chosen(network), requestId=request_id), nothing)


def validate(network: Network, *, request_id: Optional[str] = None) -> Call[Validation]:
    """Check a configuration without attaching anything."""
    return Call("validate", given(chosen(network), requestId=request_id), Validation.from_dict)


def networks() -> Call[NetworkList]:
    """List the networks of the configuration directory."""
    return Call("networks", {}, NetworkList.from_dict)


def attachments(*, container_id: Optional[str] = None, network: Optional[str] = None) -> Call[AttachmentList]:
    """List what is attached: all of it, or what a container has, or a network (its name)."""
    return Call("attachments", given({}, containerId=container_id, network=network), AttachmentList.from_dict)


def plugins() -> Call[PluginList]:
    """List the plugin types that can be used."""
    return Call("plugins", {}, PluginList.from_dict)


def plugin_info(type: str) -> Call[PluginInfo]:  # noqa: A002 - the specification's word for it
    """Tell about one plugin type."""
    return Call("plugin.info", {"type": type}, PluginInfo.from_dict)


def convert(result: Union[Result, Mapping[str, Any]], cni_version: str) -> Call[Result]:
    """Convert a result to another version of the specification."""
    return Call("convert", {"result": result, "cniVersion": cni_version}, Result.from_dict)


def netns_create(name: Optional[str] = None, *, path: Optional[Path] = None) -> Call[str]:
    """Create a network namespace, by name (in /run/netns) or by path, and return its path."""
    return Call("netns.create", given({}, name=name, path=fspath(path)), made_path)


def netns_delete(name: Optional[str] = None, *, path: Optional[Path] = None) -> Call[None]:
    """Delete a network namespace's file. The namespace goes when its last process is gone."""
    return Call("netns.delete", given({}, name=name, path=fspath(path)), nothing)


def attachment(  # noqa: PLR0917 - the specification's parameters, in its order
    network: Optional[Network],
    container_id: Optional[str],
    if_name: Optional[str],
    netns: Optional[Path],
    args: Optional[Args],
    capability_args: Optional[Mapping[str, Any]],
    request_id: Optional[str],
) -> dict[str, Any]:
    """The request of the verbs that are about one attachment."""
    return given(
        chosen(network),
        containerId=container_id,
        ifName=if_name,
        netns=fspath(netns),
        args=args if args is None or isinstance(args, Mapping) else [list(pair) for pair in args],
        capabilityArgs=capability_args,
        requestId=request_id,
    )


def chosen(network: Optional[Network]) -> dict[str, Any]:
    """The key that a network stands under."""
    if isinstance(network, os.PathLike):
        return {"networkFile": os.fspath(network)}
    return {} if network is None else {"network": network}


def given(request: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """The request and those of the keys that have a value; the library knows the defaults."""
    return {**request, **{key: value for key, value in keys.items() if value is not None}}


def fspath(path: Optional[Path]) -> Optional[str]:
    return None if path is None else os.fspath(path)


def valid_key(item: Valid) -> dict[str, str]:
    container_id, if_name = item if isinstance(item, tuple) else (item.container_id, item.if_name)
    return {"containerId": container_id, "ifName": if_name}


def made_path(response: Mapping[str, Any]) -> str:
    return str(response["path"])


def nothing(_response: Any) -> None:
    return None
