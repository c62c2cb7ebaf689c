"""Reads JSON objects. A key that is missing, null or of another type has the empty value."""

from __future__ import annotations

import dataclasses
import errno
import reprlib
from collections.abc import Mapping
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_interface,
)
from typing import Any, Callable, Optional, TypeVar, Union

IPAddress = Union[IPv4Address, IPv6Address]
IPInterface = Union[IPv4Interface, IPv6Interface]
IPNetwork = Union[IPv4Network, IPv6Network]
Raw = Mapping[str, Any]

T = TypeVar("T")

SHORT = reprlib.Repr()
"""Representations of bounded length, also of what a plugin wrote."""
SHORT.maxstring = SHORT.maxother = 200
SHORT.maxdict = SHORT.maxlist = SHORT.maxtuple = 10


class Record:
    """A dataclass whose representation shows the fields that differ from their defaults."""

    def __repr__(self) -> str:
        shown = [
            f"{field.name}={SHORT.repr(getattr(self, field.name))}"
            for field in dataclasses.fields(self)  # type: ignore[arg-type]
            if field.repr and getattr(self, field.name) != field.default
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


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


def number(data: Raw, key: str) -> Optional[float]:
    """The number at key, or None."""
    value = data.get(key)
    return float(value) if isinstance(value, (int, float)) else None


def objects(data: Raw, key: str) -> tuple[Raw, ...]:
    """The objects of the list at key."""
    value = data.get(key)
    return (
        tuple(item for item in value if isinstance(item, Mapping))
        if isinstance(value, list)
        else ()
    )


def nested(data: Raw, key: str) -> Raw:
    """The object at key, or an empty one."""
    value = data.get(key)
    return value if isinstance(value, Mapping) else {}


def optional(parse: Callable[[Raw], T], data: Raw, key: str) -> Optional[T]:
    """The parsed object at key, or None."""
    value = data.get(key)
    return parse(value) if isinstance(value, Mapping) else None


def pairs(value: Any) -> tuple[tuple[str, str], ...]:
    """CNI arguments, written as an object or as a list of pairs."""
    items = value.items() if isinstance(value, Mapping) else lists_of_two(value)
    return tuple((str(key), str(val)) for key, val in items)


def lists_of_two(value: Any) -> list[Any]:
    """The lists with two elements in a list."""
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, list) and len(item) == len(("key", "value"))]


def parsed(parse: Callable[[Any], T], value: Any) -> Optional[T]:
    """The parsed string, or None if it is missing or cannot be parsed."""
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


def errno_number(name: str) -> Optional[int]:
    """The number of an error such as ``ENOENT``."""
    return getattr(errno, name, None)


def plugin_types(data: Raw) -> tuple[str, ...]:
    """The types of a list of plugins, written as strings or as objects that have a type."""
    return texts(data, "plugins") or tuple(
        text(plugin, "type") for plugin in objects(data, "plugins")
    )


def address(data: Raw) -> IPInterface:
    """The address of an IP configuration, which is at ``ip`` before CNI 0.3.0."""
    return ip_interface(text(data, "address") or text(data, "ip"))


def addresses(data: Raw) -> tuple[Raw, ...]:
    """The IP configurations of a result of any version."""
    return objects(data, "ips") + families(data)


def routes(data: Raw) -> tuple[Raw, ...]:
    """The routes of a result of any version."""
    old = [route for family in families(data) for route in objects(family, "routes")]
    return objects(data, "routes") + tuple(old)


def families(data: Raw) -> tuple[Raw, ...]:
    """The IP configurations of a result before CNI 0.3.0."""
    return tuple(
        family for family in (data.get("ip4"), data.get("ip6")) if isinstance(family, Mapping)
    )
