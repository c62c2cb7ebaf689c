"""What a user writes: what is listed is accepted, options go with a call, errors are Python's."""

from __future__ import annotations

import asyncio
import logging
import pathlib
import pickle
from typing import Any

import pytest
from conftest import bridge_network
from inside import inside, links
from test_guest import SLEEPER, sleeper

import cni


@pytest.fixture
def listed(client: cni.Client, network: dict[str, Any]) -> str:
    """The name of a network in the client's directory."""
    file = pathlib.Path(str(client.conf_dir), "web.conflist")
    file.write_text(cni.library.encode(network).decode())
    return "web"


@pytest.mark.usefixtures("listed")
def test_what_is_listed_is_taken_everywhere(client: cni.Client, path: str) -> None:
    for network in client.networks():
        client.status(network)
        assert client.validate(network).name == network.name
        with client.attach(network, container_id="c1", netns=path):
            client.check(network, container_id="c1")
            assert len(client.attachments(network=network)) == 1
            now = client.attachments()
            assert client.gc(network, valid_attachments=now, as_of=now.as_of) == ()
        assert client.call("status", {"network": network, "options": client.as_object()}) == {}
    for plugin in client.plugins():
        assert client.plugin_info(plugin) == plugin


def test_options_go_with_a_call(
    client: cni.Client, network: dict[str, Any], path: str, tmp_path: pathlib.Path
) -> None:
    sleeper(client)
    with pytest.raises(cni.CallTimeoutError):
        client.add(SLEEPER, container_id="c1", netns=path, timeout=0.2)
    with client.attach(network, container_id="c1", netns=path, request_id="mine"):
        replaced = client.add(network, container_id="c1", netns=path, on_existing="replace")
        assert replaced.addresses
    elsewhere = tmp_path / "elsewhere"
    with client.attach(network, container_id="c1", netns=path, cache_dir=elsewhere):
        assert len(client.attachments()) == 0
        assert len(client.attachments(cache_dir=elsewhere)) == 1
    assert len(client.attachments(cache_dir=elsewhere)) == 0
    with client.netns(timeout=5) as other, pytest.raises(cni.AlreadyExistsError):
        client.netns_create(path=other, timeout=5)


def test_an_option_that_does_not_exist_is_named(client: cni.Client, network: Any) -> None:
    with pytest.raises(TypeError, match=r"'timeuot' is neither.*did you mean timeout"):
        client.status(network, timeuot=5)  # type: ignore[call-arg]


def test_an_attachment_is_an_object(client: cni.Client, network: dict[str, Any], path: str) -> None:
    result = client.add(network, container_id="c1", netns=path)
    assert repr(result.attachment) == (
        f"Attachment(network='web', container_id='c1', if_name='eth0', netns='{path}',"
        " state='attached')"
    )
    for attachment in (result.attachment, *client.attachments()):
        attachment.check()
        assert attachment.repair() == ()
        assert pickle.loads(pickle.dumps(attachment)) == attachment
    with pytest.raises(cni.AlreadyExistsError) as caught:
        client.add(network, container_id="c1", netns=path)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert copy.existing == caught.value.existing
    with pytest.raises(ValueError, match="no client"):
        copy.existing.check()
    assert caught.value.existing.delete().found
    assert inside(path, links) == {"lo"}
    assert result.attachment.delete().found is False
    with pytest.raises(cni.CNIError):
        result.attachment.check()


def test_an_attachment_is_an_object_for_asyncio(
    client: cni.Client, network: dict[str, Any], path: str
) -> None:
    async def life() -> bool:
        aio = cni.aio.Client(**vars(client))
        result = await aio.add(network, container_id="c1", netns=path)
        await result.attachment.aio.check()
        (attachment,) = await aio.attachments()
        assert await attachment.aio.repair() == ()
        return (await attachment.aio.delete()).found

    assert asyncio.run(life())


def test_an_old_attachment_does_not_delete_a_newer_one_elsewhere(
    client: cni.Client, network: dict[str, Any], path: str
) -> None:
    old = client.add(network, container_id="c1", netns=path).attachment
    old.delete()
    with client.netns() as other, client.attach(network, container_id="c1", netns=other):
        removal = old.delete()
        assert removal.removed == ()
        assert [item.container_id for item in removal.left] == ["c1"]
        client.check(container_id="c1")


def test_the_network_of_an_attachment_is_known_by_every_form(
    client: cni.Client, network: dict[str, Any], listed: str, path: str
) -> None:
    file = pathlib.Path(str(client.conf_dir), "web.conflist")
    for form in (listed, network, file, *client.networks()):
        with client.attach(form, container_id="c1", netns=path) as result:
            assert result.attachment.network == "web"
            result.attachment.check()


def test_errors_are_those_of_python_too(
    client: cni.Client, network: dict[str, Any], path: str
) -> None:
    with pytest.raises(FileNotFoundError):
        client.add("nowhere", container_id="c1", netns=path)
    with pytest.raises(FileNotFoundError) as missing:
        client.add(network, container_id="c1", netns="/nowhere")
    assert isinstance(missing.value, cni.NamespaceNotFoundError)
    assert missing.value.strerror == missing.value.msg
    with pytest.raises(FileExistsError):
        client.netns_create(path=path)
    with pytest.raises(ValueError, match="container_id"):
        client.add(network, container_id="../x", netns=path)
    sleeper(client)
    with pytest.raises(TimeoutError):
        client.add(SLEEPER, container_id="c1", netns=path, timeout=0.2)
    with pytest.raises(OSError, match="cache_dir"):
        client.add(network, container_id="c1", netns=path, cache_dir=pathlib.Path(__file__, "x"))


def test_messages_name_parameters(client: cni.Client, network: dict[str, Any], path: str) -> None:
    with pytest.raises(cni.InvalidRequestError) as caught:
        client.add(network, container_id="", netns=path)
    assert (caught.value.details, caught.value.raw["details"]) == ("container_id", "containerId")
    assert "containerId" not in str(caught.value)
    with pytest.raises(cni.InvalidRequestError) as caught:
        client.networks(timeout=-1)
    assert "timeoutMs" not in str(caught.value)
    assert "timeout" in str(caught.value)
    assert len(repr(caught.value)) < 300


def test_warnings_and_runs_of_plugins_are_logged(
    client: cni.Client,
    path: str,
    tmp_path: pathlib.Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "cni")
    network = bridge_network(tmp_path)
    ports = [{"hostPort": 8080, "containerPort": 80}]
    with client.attach(
        network, container_id="c1", netns=path, capability_args={"portMappings": ports}
    ):
        pass
    records = [record for record in caplog.records if record.name == "cni"]
    ran = [record.getMessage() for record in records if record.levelno == logging.DEBUG]
    assert any(message.startswith("ADD web c1 eth0: bridge ran for ") for message in ran)
    (warning,) = [record for record in records if record.levelno == logging.WARNING]
    assert "portMappings" in warning.getMessage()
    assert isinstance(vars(warning)["event"], cni.LogEvent)


def test_help_describes_what_a_result_holds() -> None:
    for class_ in (cni.Result, cni.Attachment, cni.IPConfig, cni.Removal, cni.LogEvent):
        documented = class_.__doc__ or ""
        for name in vars(class_)["__dataclass_fields__"]:
            assert f":ivar {name}: " in documented
