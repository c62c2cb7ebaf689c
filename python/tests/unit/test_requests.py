"""What the verbs make of their arguments, and clients of their options."""

from __future__ import annotations

import dataclasses
import errno
import inspect
import ipaddress
import json
import math
import pathlib
from typing import Any

import pytest

import cni
from cni import requests
from cni._generated_options import OptionFields
from cni.client import Options, milliseconds
from cni.library import c_string, encode

CASES: list[tuple[str, requests.Call[Any], str, dict[str, Any]]] = [
    (
        "add by name",
        requests.add("web", container_id="c1", netns="/run/netns/c1"),
        "add",
        {"network": "web", "containerId": "c1", "netns": "/run/netns/c1"},
    ),
    (
        "add a file with everything",
        requests.add(
            pathlib.Path("/etc/web.conflist"),
            container_id="c1",
            netns=pathlib.Path("/n"),
            if_name="net1",
            args=[("K", "1"), ("K", "2")],
            capability_args={"mac": "02:00:00:00:00:01"},
            request_id="r",
        ),
        "add",
        {
            "networkFile": "/etc/web.conflist",
            "containerId": "c1",
            "netns": "/n",
            "ifName": "net1",
            "args": [["K", "1"], ["K", "2"]],
            "capabilityArgs": {"mac": "02:00:00:00:00:01"},
            "requestId": "r",
        },
    ),
    ("delete by container", requests.delete(container_id="c1"), "del", {"containerId": "c1"}),
    (
        "delete with force",
        requests.delete({"name": "web"}, container_id="c1", force=True),
        "del",
        {"network": {"name": "web"}, "containerId": "c1", "force": True},
    ),
    (
        "check",
        requests.check(container_id="c1", if_name="net1"),
        "check",
        {"containerId": "c1", "ifName": "net1"},
    ),
    ("repair everything", requests.repair(everything=True), "repair", {"all": True}),
    (
        "gc with nothing valid",
        requests.gc("web", valid_attachments=[], as_of="7"),
        "gc",
        {"network": "web", "validAttachments": [], "asOf": "7"},
    ),
    (
        "gc with every form of attachment",
        requests.gc(
            "web",
            valid_attachments=[
                ("c1", "eth0"),
                cni.AttachmentID("web", "c2", "eth0"),
                cni.Attachment("web", "c3", "net1"),
            ],
            as_of="7",
            dry_run=True,
        ),
        "gc",
        {
            "network": "web",
            "validAttachments": [
                {"containerId": "c1", "ifName": "eth0"},
                {"containerId": "c2", "ifName": "eth0"},
                {"containerId": "c3", "ifName": "net1"},
            ],
            "asOf": "7",
            "dryRun": True,
        },
    ),
    ("status", requests.status("web"), "status", {"network": "web"}),
    (
        "validate",
        requests.validate({"type": "bridge"}),
        "validate",
        {"network": {"type": "bridge"}},
    ),
    ("networks", requests.networks(), "networks", {}),
    (
        "attachments of a container",
        requests.attachments(container_id="c1"),
        "attachments",
        {"containerId": "c1"},
    ),
    ("plugins", requests.plugins(), "plugins", {}),
    ("plugin info", requests.plugin_info("bridge"), "plugin.info", {"type": "bridge"}),
    ("namespace by name", requests.netns_create("c1"), "netns.create", {"name": "c1"}),
    (
        "namespace by path",
        requests.netns_delete(path=pathlib.Path("/n")),
        "netns.delete",
        {"path": "/n"},
    ),
]


@pytest.mark.parametrize(
    ("call", "method", "want"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_verbs_make_their_request(
    call: requests.Call[Any], method: str, want: dict[str, Any]
) -> None:
    assert (call.method, call.request) == (method, want)


def test_options_left_alone_are_not_sent() -> None:
    assert cni.Client().request(requests.networks()) == {}


def test_every_option_is_sent_under_its_key() -> None:
    client = cni.Client(
        conf_dir=pathlib.Path("/conf"),
        plugin_dirs=["/a", pathlib.Path("/b")],
        cache_dir="/cache",
        state_dir="/state",
        owner="me",
        builtins="only",
        on_existing="replace",
        timeout=1.5,
        rollback_timeout=0,
        rollback=False,
        env={"PATH": "/bin"},
        inherit_env=False,
        ignore_unknown=True,
    )
    assert client.request(requests.networks())["options"] == {
        "confDir": "/conf",
        "pluginDirs": ["/a", "/b"],
        "cacheDir": "/cache",
        "stateDir": "/state",
        "owner": "me",
        "builtins": "only",
        "onExisting": "replace",
        "timeoutMs": 1500,
        "rollbackTimeoutMs": 0,
        "rollback": False,
        "env": {"PATH": "/bin"},
        "inheritEnv": False,
        "ignoreUnknown": True,
    }


def test_another_client_is_made_of_one_with_another_option() -> None:
    client = cni.Client(owner="me", timeout=5)
    assert dataclasses.replace(client, timeout=6) == cni.Client(owner="me", timeout=6)


@pytest.mark.parametrize(
    ("seconds", "want"), [(None, None), (0, 0), (0.0001, 1), (2, 2000), (1.2345, 1234)]
)
def test_timeouts_are_whole_milliseconds(seconds: float | None, want: int | None) -> None:
    assert milliseconds(seconds) == want


TIMES = [field.name for field in dataclasses.fields(OptionFields) if "float" in str(field.type)]


@pytest.mark.parametrize("name", TIMES)
@pytest.mark.parametrize("seconds", [math.inf, -math.inf, math.nan, -1, -0.0001, 1e300, 2**63])
def test_what_is_no_time_is_refused_in_the_words_of_python(name: str, seconds: float) -> None:
    options: dict[str, Any] = {name: seconds}
    client = cni.Client(**options)
    with pytest.raises(cni.InvalidRequestError, match=rf"^{name}: .*; give seconds") as caught:
        client.as_object()
    assert (caught.value.details, caught.value.rc) == (name, -errno.EINVAL)


def test_the_times_among_the_options_are_known() -> None:
    assert {"timeout", "rollback_timeout", "volume_retry"} < set(TIMES)


def test_both_clients_have_every_verb_with_its_signature() -> None:
    names = {
        name
        for name, function in vars(requests).items()
        if getattr(function, "__annotations__", {}).get("return", "").startswith("Call[")
    }
    for client in (cni.Client, cni.aio.Client):
        for name in names:
            want = inspect.signature(getattr(requests, name)).parameters
            got = inspect.signature(getattr(client, name)).parameters
            assert list(got.values())[1:] == list(want.values())
    assert all(hasattr(cni, name) and hasattr(cni.aio, name) for name in names)
    assert issubclass(cni.Client, Options)


def test_python_values_become_json() -> None:
    request = {
        "a": ipaddress.ip_interface("10.1.0.2/24"),
        "p": pathlib.Path("/n"),
        "r": cni.Result("1.0.0", raw={"x": 1}),
    }
    assert json.loads(encode(request)) == {"a": "10.1.0.2/24", "p": "/n", "r": {"x": 1}}


def test_integers_of_any_size_stay_exact() -> None:
    assert encode({"n": 2**63 + 1}) == b'{"n":9223372036854775809}'


def test_a_nul_in_a_value_is_escaped_and_one_in_raw_text_refused() -> None:
    assert encode({"n": "a\0b"}) == b'{"n":"a\\u0000b"}'
    with pytest.raises(ValueError, match="NUL"):
        c_string("a\0b")


def test_what_has_no_place_in_json_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="object"):
        encode({"n": object()})


def test_convert_takes_a_result_or_its_json() -> None:
    raw = {"cniVersion": "1.0.0"}
    for result in (raw, cni.Result.from_dict(raw)):
        call = requests.convert(result, "0.4.0")
        assert json.loads(encode(call.request)) == {"result": raw, "cniVersion": "0.4.0"}
