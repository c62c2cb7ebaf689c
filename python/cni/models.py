"""What the library answers, as frozen dataclasses.

Each class has ``from_dict``, which forgives missing, null and unknown keys, and ``raw``, the JSON object it was made
from, for whatever the class has no field for. ``raw`` takes no part in comparison.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)
from typing import Any, Callable, Optional, TypeVar, Union

IPAddress = Union[IPv4Address, IPv6Address]
IPInterface = Union[IPv4Interface, IPv6Interface]
IPNetwork = Union[IPv4Network, IPv6Network]
Raw = Mapping[str, Any]

T = TypeVar("T")


@dataclass(frozen=True)
class Interface:
    """An interface that an ADD made. ``sandbox`` is the path of the namespace it is in; empty on the host."""

    name: str
    mac: str = ""
    mtu: Optional[int] = None
    sandbox: str = ""
    socket_path: str = ""
    pci_id: str = ""
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> Interface:
        return cls(
            text(data, "name"),
            text(data, "mac"),
            whole(data, "mtu"),
            text(data, "sandbox"),
            text(data, "socketPath"),
            text(data, "pciID"),
            data,
        )


@dataclass(frozen=True)
class IPConfig:
    """An address of an interface. ``interface`` is an index into :attr:`Result.interfaces`."""

    address: IPInterface
    gateway: Optional[IPAddress] = None
    interface: Optional[int] = None
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> IPConfig:
        address = text(data, "address") or text(data, "ip")  # "ip" before CNI 0.3.0
        gateway = parsed(ip_address, data.get("gateway"))
        return cls(ip_interface(address), gateway, whole(data, "interface"), data)


@dataclass(frozen=True)
class Route:
    """A route in the container."""

    destination: IPNetwork
    gateway: Optional[IPAddress] = None
    mtu: Optional[int] = None
    advmss: Optional[int] = None
    priority: Optional[int] = None
    table: Optional[int] = None
    scope: Optional[int] = None
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> Route:
        return cls(
            ip_network(text(data, "dst"), strict=False),
            parsed(ip_address, data.get("gw")),
            whole(data, "mtu"),
            whole(data, "advmss"),
            whole(data, "priority"),
            whole(data, "table"),
            whole(data, "scope"),
            data,
        )


@dataclass(frozen=True)
class DNS:
    """Name resolution that the network suggests. libcni writes no ``resolv.conf``; that is the caller's."""

    nameservers: tuple[str, ...] = ()
    domain: str = ""
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> DNS:
        lists = {key: texts(data, key) for key in ("nameservers", "search", "options")}
        return cls(domain=text(data, "domain"), raw=data, **lists)


@dataclass(frozen=True)
class Result:
    """A CNI result, of any version from 0.1.0 on.

    An address or route that cannot be parsed is left out here and still stands in ``raw``: when a result arrives the
    container is attached, and an exception would hide that.
    """

    cni_version: str
    interfaces: tuple[Interface, ...] = ()
    ips: tuple[IPConfig, ...] = ()
    routes: tuple[Route, ...] = ()
    dns: DNS = DNS()
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> Result:
        families = [family for family in (data.get("ip4"), data.get("ip6")) if isinstance(family, Mapping)]
        ips = objects(data, "ips") + tuple(families)
        routes = objects(data, "routes") + tuple(route for family in families for route in objects(family, "routes"))
        dns = data.get("dns")
        return cls(
            text(data, "cniVersion"),
            each(Interface.from_dict, objects(data, "interfaces")),
            each(IPConfig.from_dict, ips),
            each(Route.from_dict, routes),
            DNS.from_dict(dns) if isinstance(dns, Mapping) else DNS(),
            data,
        )

    @property
    def addresses(self) -> tuple[IPInterface, ...]:
        """All addresses, in the order of the result."""
        return tuple(config.address for config in self.ips)


@dataclass(frozen=True)
class AttachmentID:
    """What names an attachment."""

    network: str
    container_id: str
    if_name: str
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> AttachmentID:
        return cls(text(data, "network"), text(data, "containerId"), text(data, "ifName"), data)


@dataclass(frozen=True)
class Repaired:
    """An object on the host's side of an attachment that was missing and has been put back."""

    network: str
    container_id: str
    if_name: str
    plugin: str
    object: str
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> Repaired:
        return cls(
            text(data, "network"),
            text(data, "containerId"),
            text(data, "ifName"),
            text(data, "plugin"),
            text(data, "object"),
            data,
        )


@dataclass(frozen=True)
class Removal:
    """What a DEL removed. Nothing to remove is success: ``found`` is false then."""

    found: bool
    removed: tuple[AttachmentID, ...] = ()
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> Removal:
        return cls(bool(data.get("found")), each(AttachmentID.from_dict, objects(data, "removed")), data)


@dataclass(frozen=True)
class Attachment:
    """An attachment as the cache knows it. ``state`` is ``attached``, ``incomplete`` or ``stale``."""

    network: str
    container_id: str
    if_name: str
    netns: str = ""
    owner: str = ""
    state: str = ""
    result: Optional[Result] = None
    args: tuple[tuple[str, str], ...] = ()
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> Attachment:
        result = data.get("result")
        return cls(
            text(data, "network"),
            text(data, "containerId"),
            text(data, "ifName"),
            text(data, "netns"),
            text(data, "owner"),
            text(data, "state"),
            Result.from_dict(result) if isinstance(result, Mapping) else None,
            pairs(data.get("args")),
            data,
        )

    @property
    def capability_args(self) -> Raw:
        """The capability arguments it was attached with."""
        return nested(self.raw, "capabilityArgs")

    @property
    def config(self) -> Raw:
        """The network configuration it was attached with."""
        return nested(self.raw, "config")


@dataclass(frozen=True)
class AttachmentList:
    """All attachments that were asked for. ``as_of`` is for :func:`cni.gc`: pass it on unread."""

    as_of: str
    attachments: tuple[Attachment, ...] = ()
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> AttachmentList:
        return cls(text(data, "asOf"), each(Attachment.from_dict, objects(data, "attachments")), data)

    def __iter__(self) -> Iterator[Attachment]:
        return iter(self.attachments)

    def __len__(self) -> int:
        return len(self.attachments)


@dataclass(frozen=True)
class PluginInfo:
    """A plugin type that can be used: built in, or an executable at ``path``."""

    type: str
    builtin: bool = False
    path: str = ""
    supported_versions: tuple[str, ...] = ()
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> PluginInfo:
        versions = texts(data, "supportedVersions")
        return cls(text(data, "type"), bool(data.get("builtin")), text(data, "path"), versions, data)


@dataclass(frozen=True)
class Network:
    """A network configuration found in the configuration directory. ``plugins`` are the types of its chain."""

    name: str
    cni_version: str = ""
    file: str = ""
    plugins: tuple[str, ...] = ()
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> Network:
        return cls(text(data, "name"), text(data, "cniVersion"), text(data, "file"), plugin_types(data), data)


@dataclass(frozen=True)
class FileError:
    """A configuration file that could not be read, and why."""

    file: str
    msg: str
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> FileError:
        return cls(text(data, "file"), text(data, "msg"), data)


@dataclass(frozen=True)
class NetworkList:
    """The networks of the configuration directory; one bad file in ``errors`` hides no other."""

    networks: tuple[Network, ...] = ()
    errors: tuple[FileError, ...] = ()
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> NetworkList:
        networks = each(Network.from_dict, objects(data, "networks"))
        return cls(networks, each(FileError.from_dict, objects(data, "errors")), data)

    def __iter__(self) -> Iterator[Network]:
        return iter(self.networks)

    def __len__(self) -> int:
        return len(self.networks)


@dataclass(frozen=True)
class PluginList:
    """The plugin types that can be used; an executable that does not answer stands in ``errors``."""

    plugins: tuple[PluginInfo, ...] = ()
    errors: tuple[FileError, ...] = ()
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> PluginList:
        plugins = each(PluginInfo.from_dict, objects(data, "plugins"))
        return cls(plugins, each(FileError.from_dict, objects(data, "errors")), data)

    def __iter__(self) -> Iterator[PluginInfo]:
        return iter(self.plugins)

    def __len__(self) -> int:
        return len(self.plugins)


@dataclass(frozen=True)
class Validation:
    """What a valid network needs: the capabilities it takes and the plugins it runs."""

    name: str = ""
    cni_version: str = ""
    capabilities: tuple[str, ...] = ()
    plugins: tuple[PluginInfo, ...] = ()
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> Validation:
        plugins = each(PluginInfo.from_dict, objects(data, "plugins"))
        return cls(text(data, "name"), text(data, "cniVersion"), texts(data, "capabilities"), plugins, data)


@dataclass(frozen=True)
class Drift:
    """One difference that CHECK found between what an attachment should be and what is there."""

    plugin: str
    object: str
    expected: str = ""
    actual: str = ""
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> Drift:
        return cls(text(data, "plugin"), text(data, "object"), text(data, "expected"), text(data, "actual"), data)


@dataclass(frozen=True)
class PluginRef:
    """The plugin of a chain that an error comes from."""

    type: str
    index: Optional[int] = None
    builtin: bool = False
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> PluginRef:
        return cls(text(data, "type"), whole(data, "index"), bool(data.get("builtin")), data)


@dataclass(frozen=True)
class VolumePluginRef:
    """The volume plugin that an error comes from, what it was asked, and the HTTP status of its own error."""

    name: str = ""
    address: str = ""
    endpoint: str = ""
    status: Optional[int] = None
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> VolumePluginRef:
        return cls(text(data, "name"), text(data, "address"), text(data, "endpoint"), whole(data, "status"), data)


@dataclass(frozen=True)
class LogEvent:
    """What a log callback gets: ``event`` is ``plugin`` (a plugin ran; ``code`` is what it returned) or ``warning``."""

    event: str
    msg: str = ""
    command: str = ""
    network: str = ""
    container_id: str = ""
    if_name: str = ""
    plugin: str = ""
    builtin: bool = False
    duration_ms: Optional[float] = None
    code: int = 0
    stderr: str = ""
    raw: Raw = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Raw) -> LogEvent:
        duration = data.get("durationMs")
        return cls(
            text(data, "event"),
            text(data, "msg"),
            text(data, "command"),
            text(data, "network"),
            text(data, "containerId"),
            text(data, "ifName"),
            text(data, "plugin"),
            bool(data.get("builtin")),
            float(duration) if isinstance(duration, (int, float)) else None,
            whole(data, "code") or 0,
            text(data, "stderr"),
            data,
        )


def text(data: Raw, key: str) -> str:
    """The string at key, or an empty one."""
    value = data.get(key)
    return value if isinstance(value, str) else ""


def texts(data: Raw, key: str) -> tuple[str, ...]:
    """The strings of the list at key."""
    value = data.get(key)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def whole(data: Raw, key: str) -> Optional[int]:
    """The integer at key, or None."""
    value = data.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def objects(data: Raw, key: str) -> tuple[Raw, ...]:
    """The objects of the list at key."""
    value = data.get(key)
    return tuple(item for item in value if isinstance(item, Mapping)) if isinstance(value, list) else ()


def nested(data: Raw, key: str) -> Raw:
    """The object at key, or an empty one."""
    value = data.get(key)
    return value if isinstance(value, Mapping) else {}


def pairs(value: Any) -> tuple[tuple[str, str], ...]:
    """CNI arguments, written as an object or as a list of pairs."""
    items = value.items() if isinstance(value, Mapping) else objects_of_two(value)
    return tuple((str(key), str(val)) for key, val in items)


def objects_of_two(value: Any) -> list[Any]:
    """The pairs of a list."""
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, list) and len(item) == len(("key", "value"))]


def plugin_types(data: Raw) -> tuple[str, ...]:
    """The types of a chain, written as strings or as objects that have a type."""
    return texts(data, "plugins") or tuple(text(plugin, "type") for plugin in objects(data, "plugins"))


def parsed(parse: Callable[[Any], T], value: Any) -> Optional[T]:
    """The parsed value, or None if there is none or it cannot be parsed."""
    try:
        return parse(value) if isinstance(value, str) and value else None
    except ValueError:
        return None


def each(parse: Callable[[Raw], T], items: tuple[Raw, ...]) -> tuple[T, ...]:
    """All items that can be parsed."""
    found = []
    for item in items:
        try:
            found.append(parse(item))
        except ValueError:
            continue
    return tuple(found)
