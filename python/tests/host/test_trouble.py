"""Each wrong input is an exception of its kind, and changes nothing."""

from __future__ import annotations

import dataclasses
import errno
import os
import pathlib
from typing import Any, Callable

import pytest
from conftest import bridge_network
from inside import links

import cni

Wrong = Callable[[cni.Client, dict[str, Any], str], object]

WRONG: list[tuple[str, Wrong, type[cni.CNIError], int]] = [
    (
        "no such network",
        lambda client, _, path: client.add("nowhere", container_id="c1", netns=path),
        cni.NetworkNotFoundError,
        errno.ENOENT,
    ),
    (
        "container id with a slash",
        lambda client, network, path: client.add(network, container_id="../c1", netns=path),
        cni.InvalidRequestError,
        errno.EINVAL,
    ),
    (
        "container id with a NUL",
        lambda client, network, path: client.add(network, container_id="c\0", netns=path),
        cni.InvalidRequestError,
        errno.EINVAL,
    ),
    (
        "container id with a lone surrogate",
        lambda client, network, path: client.add(network, container_id="c\udc80", netns=path),
        cni.InvalidRequestError,
        errno.EINVAL,
    ),
    (
        "interface name with a blank",
        lambda client, network, path: client.add(
            network, container_id="c1", netns=path, if_name="e th"
        ),
        cni.InvalidRequestError,
        errno.EINVAL,
    ),
    (
        "no namespace",
        lambda client, network, path: client.add(network, container_id="c1", netns=path + "-gone"),
        cni.NamespaceNotFoundError,
        errno.ENOENT,
    ),
    (
        "a file that is not a namespace",
        lambda client, network, _: client.add(
            network, container_id="c1", netns="/proc/self/status"
        ),
        cni.NotANamespaceError,
        errno.EINVAL,
    ),
    (
        "the host's own namespace",
        lambda client, network, _: client.add(
            network, container_id="c1", netns="/proc/thread-self/ns/net"
        ),
        cni.NotANamespaceError,
        errno.EINVAL,
    ),
    (
        "no such plugin",
        lambda client, network, path: client.add(
            {**network, "plugins": [{"type": "no-such-plugin"}]}, container_id="c1", netns=path
        ),
        cni.PluginNotFoundError,
        errno.ENOENT,
    ),
    (
        "a plugin type with a slash",
        lambda client, network, path: client.add(
            {**network, "plugins": [{"type": "../bridge"}]}, container_id="c1", netns=path
        ),
        cni.InvalidConfigError,
        errno.EINVAL,
    ),
    (
        "a configuration without plugins",
        lambda client, network, _: client.validate({**network, "plugins": []}),
        cni.InvalidConfigError,
        errno.EINVAL,
    ),
    (
        "args that cannot be passed",
        lambda client, network, path: client.add(
            network, container_id="c1", netns=path, args={"K": "a;b"}
        ),
        cni.InvalidRequestError,
        errno.EINVAL,
    ),
    (
        "an option with an unknown value",
        lambda client, *_: dataclasses.replace(client, builtins="sometimes").networks(),
        cni.InvalidRequestError,
        errno.EINVAL,
    ),
    (
        "a namespace that is there",
        lambda client, _, path: client.netns_create(path=path),
        cni.AlreadyExistsError,
        errno.EEXIST,
    ),
    (
        "an unknown method",
        lambda client, *_: client.call("explode"),
        cni.InvalidRequestError,
        errno.EINVAL,
    ),
    (
        "a request that is not JSON",
        lambda client, *_: client.call("networks", "{"),
        cni.InvalidRequestError,
        errno.EINVAL,
    ),
    (
        "an unknown key",
        lambda client, *_: client.call("networks", {"netwrok": "web"}),
        cni.InvalidRequestError,
        errno.EINVAL,
    ),
]


@pytest.mark.parametrize(
    ("wrong", "want", "number"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG]
)
def test_wrong_input_is_an_error_of_its_kind_and_changes_nothing(
    client: cni.Client,
    network: dict[str, Any],
    path: str,
    wrong: Wrong,
    want: type[cni.CNIError],
    number: int,
) -> None:
    before = links()
    with pytest.raises(cni.CNIError) as caught:
        wrong(client, network, path)
    error = caught.value
    assert (type(error), error.rc, error.errno) == (want, -number, number)
    assert error.msg
    assert error.code > 0
    assert links() == before
    assert len(client.attachments()) == 0


def test_a_full_range_is_the_plugins_error(
    client: cni.Client, path: str, tmp_path: pathlib.Path
) -> None:
    network = bridge_network(tmp_path, "full", "10.43.0.0/30")
    with client.attach(network, container_id="c1", netns=path), client.netns() as second:
        with pytest.raises(cni.PluginFailedError) as caught:
            client.add(network, container_id="c2", netns=second)
        assert caught.value.rolled_back is True
        assert caught.value.plugin is not None
        with pytest.raises(cni.PluginFailedError):
            client.status(network)


def test_an_executable_that_fails_is_quoted(client: cni.Client, path: str) -> None:
    plugin_dir = pathlib.Path(str((client.plugin_dirs or [])[0]))
    plugin_dir.mkdir()
    script = plugin_dir / "broken"
    answer = '{"cniVersion":"1.1.0","code":101,"msg":"it rains","details":"heavily"}'
    script.write_text(
        "#!/bin/sh\n[ $CNI_COMMAND = ADD ] || exit 0\ncat >/dev/null\n"
        f"echo wet >&2\necho '{answer}'\nexit 1\n"
    )
    script.chmod(0o755)
    with pytest.raises(cni.PluginFailedError) as caught:
        client.add(
            {"cniVersion": "1.1.0", "name": "n", "type": "broken"}, container_id="c1", netns=path
        )
    error = caught.value
    assert (error.rc, error.code, error.msg, error.details) == (101, 101, "it rains", "heavily")
    assert error.stderr.strip().endswith("wet")
    assert error.plugin == cni.PluginRef("broken", 0, False)


def test_a_directory_that_cannot_be_written_is_a_state_error(
    client: cni.Client, network: dict[str, Any], path: str, tmp_path: pathlib.Path
) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(cni.StateError) as caught:
        dataclasses.replace(client, cache_dir=file / "cache").add(
            network, container_id="c1", netns=path
        )
    assert str(file) in str(caught.value)


def test_codes_have_words(library: cni.Library) -> None:
    assert library.strerror(0)
    assert library.strerror(-errno.ENOENT) != library.strerror(11)


def test_versions_agree(library: cni.Library) -> None:
    assert library.version() == cni.__version__
    assert library.abi_version() == 0
    names = {function["name"] for function in library.describe()["functions"]}
    assert {"cni_add", "cni_set_log"} <= names
    assert os.environ["CNI_LIBRARY"] in repr(library)
