"""The asyncio client: the same answers without blocking, and cancelling that waits for the end."""

from __future__ import annotations

import asyncio
import pathlib
import time
from typing import Any

import pytest
from inside import inside, links
from test_guest import SLEEPER, sleeper

import cni


@pytest.fixture
def aio(client: cni.Client) -> cni.aio.Client:
    return cni.aio.Client(**vars(client))


@pytest.mark.usefixtures("nothing_left")
def test_containers_are_attached_side_by_side(aio: cni.aio.Client, network: dict[str, Any]) -> None:
    async def one(number: int) -> str:
        async with (
            aio.netns() as path,
            aio.attach(network, container_id=f"c{number}", netns=path) as result,
        ):
            await aio.check(container_id=f"c{number}")
            arrived.append(number)
            while len(arrived) < count:
                await asyncio.sleep(0.01)
            return str(result.addresses[0])

    async def all_of_them() -> list[str]:
        return await asyncio.wait_for(asyncio.gather(*(one(number) for number in range(count))), 60)

    count = 4
    arrived: list[int] = []
    assert len(set(asyncio.run(all_of_them()))) == count


def test_errors_are_raised(aio: cni.aio.Client) -> None:
    with pytest.raises(cni.NetworkNotFoundError):
        asyncio.run(aio.status("nowhere"))


def test_cancelling_a_task_cancels_its_call_and_waits_for_the_end(
    aio: cni.aio.Client, client: cni.Client, path: str, tmp_path: pathlib.Path
) -> None:
    sleeper(client)

    async def cancelled() -> float:
        task = asyncio.ensure_future(aio.add(SLEEPER, container_id="c1", netns=path))
        await asyncio.sleep(0.3)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - began

    assert asyncio.run(cancelled()) < 10
    assert len(client.attachments()) == 0
    assert list(tmp_path.glob("state/**/*c1*")) == []


def test_a_timeout_of_asyncio_ends_the_call(
    aio: cni.aio.Client, client: cni.Client, path: str
) -> None:
    sleeper(client)
    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(asyncio.wait_for(aio.add(SLEEPER, container_id="c1", netns=path), 0.2))
    assert len(client.attachments()) == 0


@pytest.mark.parametrize("delay", [0, 0.0005, 0.001, 0.002, 0.004, 0.008])
def test_a_cancelled_add_leaves_nothing_whenever_it_is_cancelled(
    aio: cni.aio.Client, client: cni.Client, network: dict[str, Any], path: str, delay: float
) -> None:
    async def cancelled() -> bool:
        task = asyncio.ensure_future(aio.add(network, container_id="c1", netns=path))
        await asyncio.sleep(delay)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return True
        return False

    if asyncio.run(cancelled()):
        assert inside(path, links) == {"lo"}
        assert len(client.attachments()) == 0
    else:
        assert client.delete(container_id="c1").found


@pytest.mark.usefixtures("nothing_left")
def test_attach_is_undone_when_the_task_is_cancelled(
    aio: cni.aio.Client, client: cni.Client, network: dict[str, Any], path: str
) -> None:
    async def body(attached: asyncio.Event) -> None:
        async with aio.attach(network, container_id="c1", netns=path):
            attached.set()
            await asyncio.sleep(60)

    async def cancelled() -> None:
        attached = asyncio.Event()
        task = asyncio.ensure_future(body(attached))
        await asyncio.wait_for(attached.wait(), 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert inside(path, links) == {"lo"}
    assert len(client.attachments()) == 0
