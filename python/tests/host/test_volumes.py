"""Volume plugins from Python, on the real plugin that ``make peers`` builds."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import pathlib
import random
import subprocess
from collections.abc import Iterator

import pytest

import cni


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder with the sockets of the plugins ``well`` and ``odd``; odd never answers a mount."""
    peers = os.environ.get("CNI_PEERS")
    if not peers:
        pytest.fail(
            "CNI_PEERS is not set; run make test, or make peers and set it to build/peers",
            pytrace=False,
        )
    running = [
        started(pathlib.Path(peers), tmp_path, "well"),
        started(
            pathlib.Path(peers),
            tmp_path,
            "odd",
            "-fault",
            "Mount=done-close",
            "-fault",
            "List=err200",
        ),
    ]
    yield tmp_path
    for plugin in running:
        plugin.kill()
        plugin.communicate()


def started(
    peers: pathlib.Path, folder: pathlib.Path, name: str, *flags: str
) -> subprocess.Popen[str]:
    where = ["-listen", f"unix:{folder}/{name}.sock", "-root", str(folder / f"{name}-volumes")]
    plugin = subprocess.Popen(
        [peers / "volumeplugin", *where, *flags], stdout=subprocess.PIPE, text=True
    )
    assert plugin.stdout is not None
    assert plugin.stdout.readline().startswith("ready ")
    return plugin


@pytest.fixture
def volumes_client(library: cni.Library, folder: pathlib.Path) -> cni.Client:
    return cni.Client(library=library, volume_plugin_dirs=[folder], timeout=20)


def test_life_of_a_volume(volumes_client: cni.Client, folder: pathlib.Path) -> None:
    volumes = volumes_client.volumes
    volumes.create("well", "v", {"size": "1G"})
    with volumes.mounted("well", "v") as path, volumes.mounted("well", "v", id="two") as same:
        assert path == same == volumes.path("well", "v")
        pathlib.Path(path, "file").write_text("x")
        described = volumes.get("well", "v")
        assert (described.mountpoint, described.status) == (
            path,
            {"mounts": 2, "opts": {"size": "1G"}},
        )
        with pytest.raises(cni.VolumePluginFailedError, match="mounted by 2") as refused:
            volumes.remove("well", "v")
        assert refused.value.volume == "v"
        reference = refused.value.volume_plugin
        assert reference is not None
        assert (reference.name, reference.endpoint, reference.status) == (
            "well",
            "VolumeDriver.Remove",
            500,
        )
        assert reference.address == f"unix://{folder}/well.sock"
    assert volumes.path("well", "v") == ""
    volumes.remove("well", "v")
    assert volumes.capabilities("well") == "local"


def test_lists(volumes_client: cni.Client, folder: pathlib.Path) -> None:
    volumes = volumes_client.volumes
    volumes.create("well", "v")
    listed = volumes.list()
    assert [(volume.plugin, volume.name) for volume in listed] == [("well", "v")]
    assert [(error.plugin, error.kind) for error in listed.errors] == [
        ("odd", "volume-plugin-failed")
    ]
    assert [plugin.name for plugin in volumes.plugins()] == ["odd", "well"]
    (folder / "bad.spec").write_text("x")
    assert [error.file for error in volumes.plugins().errors] == [f"{folder}/bad.spec"]


def test_errors_have_their_classes(volumes_client: cni.Client) -> None:
    volumes = volumes_client.volumes
    with pytest.raises(cni.VolumePluginNotFoundError):
        volumes.list("nowhere")
    with pytest.raises(cni.VolumePluginUnreachableError) as unreachable:
        volumes.list("unix:///nowhere/x.sock")
    assert unreachable.value.retryable
    with pytest.raises(cni.InvalidRequestError):
        volumes.list("ftp://x")


def test_a_mount_whose_end_is_unknown_is_undone(volumes_client: cni.Client) -> None:
    volumes = volumes_client.volumes
    volumes.create("odd", "v")
    with pytest.raises(cni.PluginProtocolError) as lost, volumes.mounted("odd", "v"):
        pytest.fail("it is not known to be mounted")
    assert lost.value.rolled_back is True
    assert volumes.get("odd", "v").status["mounts"] == 0
    patient = dataclasses.replace(volumes_client, rollback=False)
    with pytest.raises(cni.PluginProtocolError) as left:
        patient.volumes.mount("odd", "v", id="m")
    assert left.value.rolled_back is False
    assert volumes.get("odd", "v").status["mounts"] == 1


def test_asyncio(library: cni.Library, folder: pathlib.Path) -> None:
    async def life() -> str:
        volumes = cni.aio.Client(library=library, volume_plugin_dirs=[folder]).volumes
        await volumes.create("well", "v")
        async with volumes.mounted("well", "v") as path:
            assert (await volumes.get("well", "v")).mountpoint == path
        return await volumes.path("well", "v")

    assert asyncio.run(life()) == ""


def test_the_blocks_error_counts(volumes_client: cni.Client) -> None:
    volumes = volumes_client.volumes
    volumes.create("well", "v")
    with pytest.raises(ZeroDivisionError), volumes.mounted("well", "v"):
        raise ZeroDivisionError
    assert volumes.path("well", "v") == ""


def test_nothing_is_mounted_after_cancelled_tasks(
    volumes_client: cni.Client, library: cni.Library, folder: pathlib.Path
) -> None:
    volumes_client.volumes.create("well", "v")
    moments = random.Random("a fixed seed")

    async def cancelled(number: int) -> None:
        volumes = cni.aio.Client(library=library, volume_plugin_dirs=[folder]).volumes
        mount = volumes.mount("well", "v", id=f"m{number}")
        task = asyncio.ensure_future(mount)
        await asyncio.sleep(moments.uniform(0, 0.03))
        if not task.cancel():
            await volumes.unmount("well", "v", id=f"m{number}")
        await asyncio.wait({task})

    async def all_of_them() -> None:
        for first in range(0, 200, 40):
            await asyncio.gather(*(cancelled(number) for number in range(first, first + 40)))

    asyncio.run(all_of_them())
    assert volumes_client.volumes.get("well", "v").status["mounts"] == 0
