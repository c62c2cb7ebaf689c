"""The asyncio client: the same answers without blocking, and cancelling that waits for the end."""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
import random
import threading
import time
from typing import Any

import pytest
from inside import inside, links
from test_guest import SLEEPER, eventually, forked, sleeper

import cni
from cni import _threads


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
    assert list(tmp_path.glob("state/intents/*")) == []


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


def test_nothing_is_left_of_two_hundred_cancelled_tasks(
    aio: cni.aio.Client, client: cni.Client, network: dict[str, Any], tmp_path: pathlib.Path
) -> None:
    moments = random.Random("a fixed seed")

    async def attached(number: int) -> None:
        async with aio.netns() as path, aio.attach(network, container_id=f"c{number}", netns=path):
            await asyncio.sleep(60)

    async def made(number: int) -> None:
        name = f"c{number}"
        try:
            path = await aio.netns_create(name)
        except asyncio.CancelledError:
            assert not pathlib.Path("/run/netns", name).exists()
            raise
        try:
            await aio.add(network, container_id=name, netns=path)
        except asyncio.CancelledError:
            assert inside(path, links) == {"lo"}
            raise
        finally:
            client.delete(container_id=name)  # a cancelled delete is repeated
            client.netns_delete(path=path)

    async def cancelled(number: int) -> None:
        task = asyncio.ensure_future((attached, made)[number % 2](number))
        await asyncio.sleep(moments.uniform(0, 0.2))
        task.cancel()
        await asyncio.wait({task})

    async def all_of_them() -> None:
        for first in range(0, 200, 40):
            await asyncio.gather(*(cancelled(number) for number in range(first, first + 40)))

    asyncio.run(all_of_them())
    assert [item.container_id for item in client.attachments()] == []
    assert list(tmp_path.glob("state/intents/*")) == []
    assert list(pathlib.Path("/run/netns").glob("*")) == []


def test_a_call_does_not_wait_for_slow_plugins(aio: cni.aio.Client, client: cni.Client) -> None:
    sleeper(client)

    async def beside_slow_ones() -> float:
        async with contextlib.AsyncExitStack() as stack:
            paths = [await stack.enter_async_context(aio.netns()) for _ in range(12)]
            slow = [
                asyncio.ensure_future(aio.add(SLEEPER, container_id=f"c{number}", netns=path))
                for number, path in enumerate(paths)
            ]
            await asyncio.sleep(0.3)
            began = time.monotonic()
            await aio.networks()
            took = time.monotonic() - began
            for task in slow:
                task.cancel()
            await asyncio.wait(slow)
            assert all(task.cancelled() for task in slow)
            return took

    assert asyncio.run(beside_slow_ones()) < 2


def test_jobs_beyond_the_limit_wait_for_their_turn() -> None:
    threads = _threads.Threads(2)
    free, done = threading.Event(), threading.Semaphore(0)
    running: list[int] = []

    def job() -> None:
        running.append(threading.get_ident())
        free.wait(10)
        done.release()

    for _ in range(5):
        threads.run(job)
    eventually(lambda: len(running) == 2)
    free.set()
    assert all(done.acquire(timeout=10) for _ in range(5))
    assert len(set(running)) == 2


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_gets_an_error_at_once(aio: cni.aio.Client) -> None:
    aio.library.load()

    def call() -> None:
        asyncio.run(aio.networks())

    assert forked(call) == "forked"
