"""Results of every version, and what from_dict forgives."""

from __future__ import annotations

from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Any

import pytest

from cni import (
    DNS,
    Attachment,
    AttachmentList,
    Interface,
    IPConfig,
    LogEvent,
    Network,
    Result,
    Route,
)

CURRENT = {
    "cniVersion": "1.1.0",
    "interfaces": [
        {"name": "cni0", "mac": "aa:bb:cc:00:00:01"},
        {"name": "eth0", "mac": "aa:bb:cc:00:00:02", "mtu": 1400, "sandbox": "/run/netns/c1"},
    ],
    "ips": [
        {"interface": 1, "address": "10.1.0.2/24", "gateway": "10.1.0.1"},
        {"address": "fd00::2/64"},
    ],
    "routes": [
        {"dst": "0.0.0.0/0", "gw": "10.1.0.1", "mtu": 1400, "table": 9},
        {"dst": "fd00:1::/64"},
    ],
    "dns": {
        "nameservers": ["10.1.0.1"],
        "domain": "example.net",
        "search": ["example.net"],
        "options": ["ndots:2"],
    },
    "vendor": {"number": 9007199254740993},
}

OLD = {
    "cniVersion": "0.2.0",
    "ip4": {"ip": "10.1.0.2/24", "gateway": "10.1.0.1", "routes": [{"dst": "0.0.0.0/0"}]},
    "ip6": {"ip": "fd00::2/64"},
}


def test_result_of_the_current_version_is_read_whole() -> None:
    got = Result.from_dict(CURRENT)
    assert got == Result(
        "1.1.0",
        (
            Interface("cni0", "aa:bb:cc:00:00:01"),
            Interface("eth0", "aa:bb:cc:00:00:02", 1400, "/run/netns/c1"),
        ),
        (
            IPConfig(IPv4Interface("10.1.0.2/24"), IPv4Address("10.1.0.1"), 1),
            IPConfig(IPv6Interface("fd00::2/64")),
        ),
        (
            Route(IPv4Network("0.0.0.0/0"), IPv4Address("10.1.0.1"), 1400, table=9),
            Route(IPv6Network("fd00:1::/64")),
        ),
        DNS(("10.1.0.1",), "example.net", ("example.net",), ("ndots:2",)),
    )
    assert got.raw is CURRENT
    assert got.addresses == (IPv4Interface("10.1.0.2/24"), IPv6Interface("fd00::2/64"))


def test_result_of_a_version_before_interfaces_has_its_addresses_and_routes() -> None:
    got = Result.from_dict(OLD)
    assert got.ips == (
        IPConfig(IPv4Interface("10.1.0.2/24"), IPv4Address("10.1.0.1")),
        IPConfig(IPv6Interface("fd00::2/64")),
    )
    assert got.routes == (Route(IPv4Network("0.0.0.0/0")),)
    assert got.interfaces == ()


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"interfaces": None, "ips": None, "routes": None, "dns": None},
        {"interfaces": "eth0", "ips": {}, "routes": 3, "dns": []},
        {"ips": [None, 3, {"address": "10.1.0.999/24"}, {}], "routes": [{"dst": "nowhere"}]},
    ],
)
def test_result_forgives_what_is_missing_or_mistyped(data: dict[str, Any]) -> None:
    got = Result.from_dict(data)
    assert got == Result("")
    assert got.raw is data


def test_a_gateway_that_cannot_be_parsed_does_not_take_the_address_with_it() -> None:
    got = Result.from_dict({"ips": [{"address": "10.1.0.2/24", "gateway": "router"}]})
    assert got.addresses == (IPv4Interface("10.1.0.2/24"),)
    assert got.ips[0].gateway is None
    assert got.ips[0].raw["gateway"] == "router"


def test_a_route_with_host_bits_is_kept() -> None:
    got = Route.from_dict({"dst": "10.2.3.4/8", "gw": "fe80::1"})
    assert got == Route(IPv4Network("10.0.0.0/8"), IPv6Address("fe80::1"))


def test_results_are_hashable_and_compare_without_raw() -> None:
    other = {**CURRENT, "vendor": 1}
    assert len({Result.from_dict(CURRENT), Result.from_dict(other)}) == 1


@pytest.mark.parametrize("args", [{"IP": "10.1.0.9", "N": "1"}, [["IP", "10.1.0.9"], ["N", "1"]]])
def test_attachment_arguments_come_in_both_spellings(args: Any) -> None:
    got = Attachment.from_dict(
        {"network": "web", "containerId": "c1", "ifName": "eth0", "args": args}
    )
    assert got.args == (("IP", "10.1.0.9"), ("N", "1"))


def test_attachment_keeps_configuration_and_result() -> None:
    data = {
        "config": {"name": "web"},
        "capabilityArgs": {"mac": "x"},
        "result": OLD,
        "state": "stale",
    }
    got = Attachment.from_dict(data)
    assert (got.config, got.capability_args, got.state) == ({"name": "web"}, {"mac": "x"}, "stale")
    assert got.result == Result.from_dict(OLD)


def test_lists_are_iterated_and_counted() -> None:
    got = AttachmentList.from_dict(
        {"asOf": "7", "attachments": [{"network": "a"}, {"network": "b"}]}
    )
    assert got.as_of == "7"
    assert [item.network for item in got] == ["a", "b"]
    assert len(got) == len(got.attachments)


def test_network_plugins_may_be_types_or_objects() -> None:
    assert Network.from_dict({"plugins": ["bridge", "tuning"]}).plugins == ("bridge", "tuning")
    assert Network.from_dict({"plugins": [{"type": "bridge"}]}).plugins == ("bridge",)


def test_log_event_is_read() -> None:
    got = LogEvent.from_dict(
        {"event": "plugin", "plugin": "bridge", "durationMs": 2, "builtin": True, "code": 11}
    )
    assert got == LogEvent("plugin", plugin="bridge", duration_ms=2.0, builtin=True, code=11)
