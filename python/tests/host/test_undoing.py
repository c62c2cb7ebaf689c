"""The exception of a block is the one that is raised, whatever becomes of the detachment.

Run in interpreters of their own: pytest replaces the hooks of the one that it runs in.
"""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest
from interpreters import interpreters, options, run

import cni

HEAD = """
import asyncio, contextlib, json, logging, sys, warnings
import cni
given = json.loads(sys.argv[1])
network, path, options = given["network"], given["path"], given["options"]
client, aio = cni.Client(**options), cni.aio.Client(**options)
attaching = dict(container_id="c1", netns=path)
"""

WITH = """
def block():
    with client.attach(network, **attaching):
        raise ZeroDivisionError("of the block")
"""

COROUTINE = """
def block():
    async def main():
        async with aio.attach(network, **attaching):
            raise ZeroDivisionError("of the block")
    asyncio.run(main())
"""

CANCELLED = """
def block():
    async def attached(there):
        async with aio.attach(network, **attaching):
            there.set()
            await asyncio.sleep(60)
    async def main():
        there = asyncio.Event()
        task = asyncio.ensure_future(attached(there))
        await there.wait()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled(), task
        return await task
    asyncio.run(main())
"""

CANCELLED_MEANWHILE = """
def block():
    async def attached(there):
        async with aio.attach(network, **attaching):
            there.set()
    async def main():
        there = asyncio.Event()
        task = asyncio.ensure_future(attached(there))
        await there.wait()
        task.cancel()  # while the detachment is in progress
        await asyncio.wait({task})
        assert task.cancelled(), task
        return await task
    asyncio.run(main())
"""

HANDLER_THAT_RAISES = """
class Broken(logging.Handler):
    def handle(self, record): raise OSError("broken handler")
logging.getLogger("cni").addHandler(Broken())
"""

TAIL = """
try:
    block()
except BaseException as error:
    print(json.dumps([type(error).__name__, getattr(error, "__notes__", [])]))
"""


@pytest.mark.parametrize("interpreter", interpreters())
@pytest.mark.parametrize(
    ("block", "want"),
    [
        (WITH, "ZeroDivisionError"),
        (COROUTINE, "ZeroDivisionError"),
        (CANCELLED, "CancelledError"),
        (CANCELLED_MEANWHILE, "CancelledError"),
        (HANDLER_THAT_RAISES + WITH, "ZeroDivisionError"),
    ],
    ids=["with", "asyncio", "cancelled", "cancelled during the detachment", "broken handler"],
)
def test_a_failing_detachment_is_a_note_and_a_warning(
    client: cni.Client,
    refuser: dict[str, Any],
    path: str,
    interpreter: str,
    block: str,
    want: str,
) -> None:
    given = json.dumps({"network": refuser, "path": path, "options": options(client)})
    done = run(interpreter, "-W", "error", "-c", HEAD + block + TAIL, given)
    assert done.returncode == 0, done.stderr
    name, notes = json.loads(done.stdout)
    assert name == want
    message = "libcni: cannot detach container c1: I refuse"
    if HANDLER_THAT_RAISES not in block:
        assert message in done.stderr
    if hasattr_notes(interpreter):
        assert [note[: len(message)] for note in notes] == [message]
    assert len(client.attachments()) == 1


def hasattr_notes(interpreter: str) -> bool:
    """Whether exceptions have notes, as since Python 3.11."""
    return run(interpreter, "-c", "BaseException.add_note").returncode == 0


@pytest.mark.parametrize("block", [WITH, COROUTINE], ids=["with", "asyncio"])
def test_a_failing_detachment_alone_is_raised(
    client: cni.Client, refuser: dict[str, Any], path: str, block: str
) -> None:
    given = json.dumps({"network": refuser, "path": path, "options": options(client)})
    whole = block.replace('raise ZeroDivisionError("of the block")', "pass")
    done = run(interpreters()[0], "-c", HEAD + whole + TAIL, given)
    assert json.loads(done.stdout)[0] == "PluginFailedError", done.stderr


def test_a_coroutine_that_is_closed_is_detached_at_once(
    client: cni.Client, network: dict[str, Any], path: str
) -> None:
    given = json.dumps({"network": network, "path": path, "options": options(client)})
    program = """
async def attached():
    async with aio.attach(network, **attaching):
        await asyncio.get_running_loop().create_future()
loop = asyncio.new_event_loop()
coroutine = attached()
task = loop.create_task(coroutine)
while not len(client.attachments()):
    loop.run_until_complete(asyncio.sleep(0.01))
loop.run_until_complete(asyncio.sleep(0.1))
task._log_destroy_pending = False
coroutine.close()
print(len(client.attachments()))
"""
    done = run(interpreters()[0], "-W", "error", "-c", HEAD + program, given)
    assert done.stdout.split() == ["0"], done.stderr


def test_an_undone_block_leaves_what_is_made_anew(
    client: cni.Client, network: dict[str, Any], path: str
) -> None:
    block = client.attach(network, container_id="c1", netns=path)
    with block:
        pass
    client.add(network, container_id="c1", netns=path)
    del block
    assert len(client.attachments()) == 1
    client.delete(container_id="c1")


@pytest.mark.parametrize("command", ["ADD", "DEL"])
def test_ctrl_c_during_a_call_is_raised_when_everything_is_undone(
    client: cni.Client, network: dict[str, Any], path: str, command: str
) -> None:
    entered: list[cni.Result] = []

    def interrupt(event: cni.LogEvent) -> None:
        if event.command == command and not signals:
            signals.append(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    signals: list[int] = []
    block = client.attach(network, container_id="c1", netns=path)
    client.set_log(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt), block as result:
            entered.append(result)
    finally:
        client.set_log(None)
    assert len(client.attachments()) == 0  # before the block is forgotten
    assert bool(entered) == (command == "DEL")


def test_a_block_that_is_forgotten_is_detached(
    client: cni.Client, network: dict[str, Any], path: str
) -> None:
    block = client.attach(network, container_id="c1", netns=path)
    block.__enter__()
    assert len(client.attachments()) == 1
    del block
    assert len(client.attachments()) == 0


def test_the_configuration_of_the_beginning_is_that_of_the_end(
    client: cni.Client, network: dict[str, Any], path: str
) -> None:
    with client.attach(network, container_id="c1", netns=path):
        network["plugins"][0]["type"] = "no-such-plugin"
    assert len(client.attachments()) == 0
