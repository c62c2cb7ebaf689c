"""Containers are attached, checked and detached by the real library, with its built-in plugins."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import pathlib
import socket
import struct
from ipaddress import ip_interface, ip_network
from typing import Any

import pytest
from conftest import bridge_network
from inside import ask, echo_once, inside, links

import cni


@pytest.mark.usefixtures("nothing_left")
def test_add_check_and_delete(client: cni.Client, network: dict[str, Any], path: str) -> None:
    result = client.add(network, container_id="c1", netns=path)
    assert result.addresses == (ip_interface("10.41.0.2/24"),)
    assert str(result.ips[0].gateway) == "10.41.0.1"
    assert inside(path, links) == {"lo", "eth0"}
    assert ask(inside(path, lambda: echo_once("10.41.0.2"))) == b"from inside: hello"

    client.check(network, container_id="c1", netns=path)
    listed = client.attachments()
    assert [(item.network, item.container_id, item.if_name, item.state) for item in listed] == [
        ("web", "c1", "eth0", "attached")
    ]
    assert listed.attachments[0].result == result
    assert listed.attachments[0].config["name"] == "web"

    (seen,) = client.inspect("c1")
    assert (seen.state, seen.drift, seen.unseen) == ("attached", (), ())
    (own,) = [o for o in seen.objects if o.scope == "attachment" and o.kind == "link"]
    assert own.link is not None
    assert own.link.up
    assert own.link.received is not None
    assert own.link.received.packets is not None
    assert own.link.received.packets > 0

    removal = client.delete(network, container_id="c1", netns=path)
    assert removal.found
    assert [(item.network, item.if_name) for item in removal.removed] == [("web", "eth0")]
    assert inside(path, links) == {"lo"}
    assert len(client.attachments()) == 0
    assert client.delete(network, container_id="c1", netns=path) == cni.Removal(False)


@pytest.mark.usefixtures("nothing_left")
def test_attach_is_undone_at_the_end_of_the_block(
    client: cni.Client, network: dict[str, Any], path: str
) -> None:
    with client.attach(network, container_id="c1", netns=path, if_name="net1") as result:
        assert result.addresses
        assert "net1" in inside(path, links)
    assert inside(path, links) == {"lo"}


@pytest.mark.usefixtures("nothing_left")
def test_attach_is_undone_when_the_block_fails(
    client: cni.Client, network: dict[str, Any], path: str
) -> None:
    with pytest.raises(ZeroDivisionError), client.attach(network, container_id="c1", netns=path):
        assert 1 / 0
    assert inside(path, links) == {"lo"}
    assert len(client.attachments()) == 0


def test_a_namespace_is_gone_at_the_end_of_the_block(client: cni.Client) -> None:
    with client.netns("named") as path:
        assert path == "/run/netns/named"
        assert inside(path, links) == {"lo"}
    assert not pathlib.Path(path).exists()
    with client.netns() as path:
        client.netns_delete(path=path)


def test_delete_needs_neither_network_nor_namespace(
    client: cni.Client, network: dict[str, Any], tmp_path: pathlib.Path
) -> None:
    other = bridge_network(tmp_path, "back", "10.42.0.0/24")
    with client.netns() as path:
        client.add(network, container_id="c1", netns=path)
        client.add(other, container_id="c1", netns=path, if_name="eth1")
    removal = client.delete(container_id="c1")
    assert {(item.network, item.if_name) for item in removal.removed} == {
        ("web", "eth0"),
        ("back", "eth1"),
    }


def test_a_second_add_says_what_is_there(
    client: cni.Client, network: dict[str, Any], path: str
) -> None:
    with client.attach(network, container_id="c1", netns=path) as result:
        with pytest.raises(cni.AlreadyExistsError) as caught:
            client.add(network, container_id="c1", netns=path)
        assert caught.value.existing.result == result
        replaced = dataclasses.replace(client, on_existing="replace").add(
            network, container_id="c1", netns=path
        )
        assert replaced.addresses


def test_check_finds_what_drifted(client: cni.Client, network: dict[str, Any], path: str) -> None:
    with client.attach(network, container_id="c1", netns=path):
        client.check(container_id="c1")
        inside(path, lambda: set_down("eth0"))
        with pytest.raises(cni.DriftError) as caught:
            client.check(container_id="c1")
    assert caught.value.drift
    assert {drift.plugin for drift in caught.value.drift} <= {"bridge", "host-local"}
    assert caught.value.command == "CHECK"


def test_networks_by_name_and_by_file(
    client: cni.Client, network: dict[str, Any], path: str
) -> None:
    file = pathlib.Path(str(client.conf_dir)) / "10-web.conflist"
    file.write_text(json.dumps(network))
    (file.parent / "20-bad.conflist").write_text("{")
    listed = client.networks()
    assert [(item.name, item.cni_version, item.plugins) for item in listed] == [
        ("web", "1.1.0", ("bridge",))
    ]
    assert [pathlib.Path(error.file).name for error in listed.errors] == ["20-bad.conflist"]
    for form in ("web", file):
        with client.attach(form, container_id="c1", netns=path) as result:
            assert result.addresses[0] in ip_network("10.41.0.0/24")
        client.status(form)
        assert [plugin.type for plugin in client.validate(form).plugins][:1] == ["bridge"]


def test_gc_keeps_what_is_valid_and_what_is_newer(
    client: cni.Client, network: dict[str, Any], path: str
) -> None:
    listed = client.attachments()
    with client.attach(network, container_id="c1", netns=path) as result:
        assert client.gc(network, valid_attachments=[], as_of=listed.as_of) == ()
        now = client.attachments()
        assert (
            client.gc(network, valid_attachments=now.attachments, as_of=now.as_of, dry_run=True)
            == ()
        )
        assert inside(path, links) == {"lo", "eth0"}
        assert client.attachments().attachments[0].result == result


def test_gc_removes_what_lost_its_namespace_and_leaves_the_one_that_has_its_path_now(
    client: cni.Client, network: dict[str, Any]
) -> None:
    with client.netns("reused") as path:
        client.add(network, container_id="c1", netns=path)
    with client.netns("reused") as path, client.attach(network, container_id="c2", netns=path):
        listed = client.attachments()
        assert {item.container_id: item.state for item in listed} == {
            "c1": "stale",
            "c2": "attached",
        }
        removed = client.gc(network, valid_attachments=[("c2", "eth0")], as_of=listed.as_of)
        assert removed == (cni.AttachmentID("web", "c1", "eth0"),)
        client.check(container_id="c2")
    assert len(client.attachments()) == 0


def test_plugins_are_listed_and_described(client: cni.Client) -> None:
    listed = {plugin.type: plugin for plugin in client.plugins()}
    assert {"bridge", "loopback", "host-local", "static"} <= set(listed)
    for name in ("bridge", "host-local"):
        info = client.plugin_info(name)
        assert info == listed[name]
        assert info.builtin
        assert "1.1.0" in info.supported_versions


def test_results_are_converted(client: cni.Client) -> None:
    raw = {"cniVersion": "1.0.0", "ips": [{"address": "10.1.0.2/24", "gateway": "10.1.0.1"}]}
    result = client.convert(raw, "0.2.0")
    assert result.cni_version == "0.2.0"
    assert result.raw["ip4"]["ip"] == "10.1.0.2/24"
    assert (
        client.convert(result, "1.1.0").addresses
        == result.addresses
        == (ip_interface("10.1.0.2/24"),)
    )


def set_down(name: str) -> None:
    """Take an interface down, as ``ip link set NAME down`` does."""
    siocsifflags = 0x8914
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, siocsifflags, struct.pack("16sh14x", name.encode(), 0))
