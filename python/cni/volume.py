"""Volume plugins of Docker and Podman: what each verb takes, and what it answers with.

:attr:`cni.Client.volumes` makes the calls, as do the functions of ``cni.volumes`` and, without blocking,
``cni.aio.volumes``. A plugin is given by its name, or by its address such as ``unix:///run/docker/plugins/x.sock``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from .models import Raw, each, nested, objects, text
from .requests import Call, given, nothing


@dataclass(frozen=True)
class Volume:
    """A volume as its plugin describes it. ``mountpoint`` and ``created_at`` are empty if the plugin tells none."""

    name: str
    plugin: str = ""
    mountpoint: str = ""
    created_at: str = ""
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> Volume:
        return cls(
            text(data, "name"),
            text(data, "plugin"),
            text(data, "mountpoint"),
            text(data, "createdAt"),
            data,
        )

    @property
    def status(self) -> Raw:
        """What the plugin likes to tell."""
        return nested(self.raw, "status")


@dataclass(frozen=True)
class VolumePluginError:
    """A plugin that could not be asked, or a file that names none."""

    kind: str
    msg: str
    plugin: str = ""
    address: str = ""
    file: str = ""
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> VolumePluginError:
        return cls(
            text(data, "kind"),
            text(data, "msg"),
            text(data, "plugin"),
            text(data, "address"),
            text(data, "file"),
            data,
        )


@dataclass(frozen=True)
class VolumeList:
    """The volumes that were listed. Nothing is known of the volumes of a plugin that stands in ``errors``."""

    volumes: tuple[Volume, ...] = ()
    errors: tuple[VolumePluginError, ...] = ()
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> VolumeList:
        volumes = each(Volume.from_dict, objects(data, "volumes"))
        return cls(volumes, each(VolumePluginError.from_dict, objects(data, "errors")), data)

    def __iter__(self) -> Iterator[Volume]:
        return iter(self.volumes)

    def __len__(self) -> int:
        return len(self.volumes)


@dataclass(frozen=True)
class VolumePlugin:
    """A volume plugin that was found; ``file`` names it."""

    name: str
    address: str = ""
    file: str = ""
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> VolumePlugin:
        return cls(text(data, "name"), text(data, "address"), text(data, "file"), data)


@dataclass(frozen=True)
class VolumePluginList:
    """The volume plugins that can be found; files that name none, and plugins that do not answer, are ``errors``."""

    plugins: tuple[VolumePlugin, ...] = ()
    errors: tuple[VolumePluginError, ...] = ()
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> VolumePluginList:
        plugins = each(VolumePlugin.from_dict, objects(data, "plugins"))
        return cls(plugins, each(VolumePluginError.from_dict, objects(data, "errors")), data)

    def __iter__(self) -> Iterator[VolumePlugin]:
        return iter(self.plugins)

    def __len__(self) -> int:
        return len(self.plugins)


def create(
    plugin: str, name: str, opts: Optional[Mapping[str, str]] = None, *, request_id: Optional[str] = None
) -> Call[None]:
    """Create a volume; ``opts`` are the plugin's own."""
    return Call("volume.create", given({}, plugin=plugin, name=name, opts=opts, requestId=request_id), nothing)


def remove(plugin: str, name: str, *, request_id: Optional[str] = None) -> Call[None]:
    """Remove a volume."""
    return Call("volume.remove", given({}, plugin=plugin, name=name, requestId=request_id), nothing)


def mount(plugin: str, name: str, *, id: str, request_id: Optional[str] = None) -> Call[str]:  # noqa: A002
    """Mount a volume and return where.

    :param id: who the mount is for, such as a container's id; each mount has its own, and ``unmount`` takes the same
    """
    request = given({}, plugin=plugin, name=name, id=id, requestId=request_id)
    return Call("volume.mount", request, lambda response: text(response, "mountpoint"))


def unmount(plugin: str, name: str, *, id: str, request_id: Optional[str] = None) -> Call[None]:  # noqa: A002
    """End the mount that was made with ``id``."""
    request = given({}, plugin=plugin, name=name, id=id, requestId=request_id)
    return Call("volume.unmount", request, nothing)


def path(plugin: str, name: str, *, request_id: Optional[str] = None) -> Call[str]:
    """Tell where a volume is mounted; an empty string if it is not."""
    request = given({}, plugin=plugin, name=name, requestId=request_id)
    return Call("volume.path", request, lambda response: text(response, "mountpoint"))


def get(plugin: str, name: str, *, request_id: Optional[str] = None) -> Call[Volume]:
    """Tell about a volume; VolumeNotFoundError if the plugin knows none of that name."""
    request = given({}, plugin=plugin, name=name, requestId=request_id)
    return Call("volume.get", request, lambda response: Volume.from_dict(nested(response, "volume")))


def list(plugin: Optional[str] = None, *, request_id: Optional[str] = None) -> Call[VolumeList]:  # noqa: A001
    """List the volumes of a plugin, or without one of all plugins that can be found."""
    return Call("volume.list", given({}, plugin=plugin, requestId=request_id), VolumeList.from_dict)


def capabilities(plugin: str, *, request_id: Optional[str] = None) -> Call[str]:
    """Tell the scope of a plugin's volumes: ``local`` or ``global``."""
    request = given({}, plugin=plugin, requestId=request_id)
    return Call("volume.capabilities", request, scope)


def plugins(*, request_id: Optional[str] = None) -> Call[VolumePluginList]:
    """List the volume plugins that can be found by name."""
    return Call("volume.plugins", given({}, requestId=request_id), VolumePluginList.from_dict)


def scope(response: Any) -> str:
    return text(response, "scope")
