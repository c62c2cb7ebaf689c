"""The library as a guest of the interpreter: memory, threads, forks, log callbacks."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import gc
import json
import multiprocessing
import os
import pathlib
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from interpreters import options, run

import cni

KIB = 1024


def resident() -> int:
    """Resident memory of this process in KiB."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // KIB


def test_two_thousand_failing_calls_leave_no_memory_behind(client: cni.Client) -> None:
    padding = "p" * (
        16 * KIB
    )  # a response that is not given back counts: the message quotes the request

    def fail(times: int) -> None:
        for _ in range(times):
            with pytest.raises(cni.CNIError):
                client.call("networks", {"x-padding": padding, "options": {"builtins": padding}})

    fail(500)
    gc.collect()
    before = resident()
    fail(2000)
    gc.collect()
    assert resident() - before < 12 * KIB  # 2,000 responses of 16 KiB would be 32 MiB


def test_many_threads_attach_and_detach(client: cni.Client, network: dict[str, Any]) -> None:
    def one(number: int) -> str:
        with (
            client.netns() as path,
            client.attach(network, container_id=f"c{number}", netns=path) as result,
        ):
            client.check(container_id=f"c{number}")
            together.wait(timeout=60)
            return str(result.addresses[0])

    count = 12
    together = threading.Barrier(count)
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        addresses = list(pool.map(one, range(count)))
    assert len(set(addresses)) == count
    assert len(client.attachments()) == 0


def test_other_threads_run_while_a_call_waits(client: cni.Client, path: str) -> None:
    sleeper(client)
    caught: list[cni.CNIError] = []

    def add() -> None:
        try:
            client.add(SLEEPER, container_id="c1", netns=path, request_id="slow")
        except cni.CNIError as error:
            caught.append(error)

    thread = threading.Thread(target=add)
    thread.start()
    eventually(lambda: client.cancel("slow"))
    thread.join(timeout=15)
    assert [type(error) for error in caught] == [cni.CallCancelledError]
    assert client.cancel("slow") is False


def test_a_call_that_takes_too_long_is_a_timeout(client: cni.Client, path: str) -> None:
    sleeper(client)
    hasty = dataclasses.replace(client, timeout=0.2)
    with pytest.raises(cni.CallTimeoutError) as caught:
        hasty.add(SLEEPER, container_id="c1", netns=path)
    assert caught.value.retryable


@pytest.mark.filterwarnings(
    "ignore:.*multi-threaded:DeprecationWarning"
)  # Python 3.12 warns of what is tested here
def test_a_forked_child_gets_an_error_at_once(library: cni.Library) -> None:
    library.load()
    began = time.monotonic()
    answers = [
        forked(lambda: library.call("networks")),
        forked(lambda: cni.Library(library._path).load()),
    ]
    assert answers == ["forked", "forked"]
    assert time.monotonic() - began < 5
    assert library.version()


def test_a_child_forked_before_loading_may_load() -> None:
    program = (
        "import os, cni\n"
        "library = cni.Library(os.environ['CNI_LIBRARY'])\n"
        "try: cni.Library('/nowhere/libcni.so').load()\n"
        "except cni.LibraryLoadError: print('missing', flush=True)\n"
        "child = os.fork()\n"
        "child and os.waitpid(child, 0)\n"
        "print(library.version(), flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.split() == ["missing", cni.__version__, cni.__version__]


def test_a_spawned_process_may_call(library: cni.Library) -> None:
    library.load()
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        assert pool.submit(version_of, library._path or "").result(timeout=60) == cni.__version__


def test_events_reach_the_callback_on_the_calling_thread(
    client: cni.Client, network: dict[str, Any], path: str
) -> None:
    events: list[tuple[int, cni.LogEvent]] = []
    client.set_log(lambda event: events.append((threading.get_ident(), event)))
    try:
        gc.collect()
        with client.attach(network, container_id="c1", netns=path):
            pass
    finally:
        client.set_log(None)
    ran = [(event.command, event.plugin) for _, event in events if event.event == "plugin"]
    assert ("ADD", "bridge") in ran
    assert ("DEL", "bridge") in ran
    assert {thread for thread, _ in events} == {threading.get_ident()}
    count = len(events)
    with client.attach(network, container_id="c1", netns=path):
        assert len(events) == count


def test_what_a_callback_raises_is_reported_and_stops_nothing(
    client: cni.Client, network: dict[str, Any], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports: list[Any] = []
    monkeypatch.setattr("sys.unraisablehook", lambda report: reports.append(report.exc_type))

    def fail(_event: cni.LogEvent) -> None:
        raise ZeroDivisionError

    client.set_log(fail)
    try:
        with client.attach(network, container_id="c1", netns=path) as result:
            assert result.addresses
    finally:
        client.set_log(None)
    assert set(reports) == {ZeroDivisionError}


def test_an_interrupt_in_a_callback_is_raised_after_the_call(
    client: cni.Client, network: dict[str, Any], path: str
) -> None:
    def interrupt(_event: cni.LogEvent) -> None:
        raise KeyboardInterrupt

    client.set_log(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            client.add(network, container_id="c1", netns=path)
    finally:
        client.set_log(None)
    assert client.delete(container_id="c1").found is False  # an interrupted add is undone


def test_a_callback_must_not_call_back(
    client: cni.Client, network: dict[str, Any], path: str
) -> None:
    answers: list[str] = []

    def call_back(_event: cni.LogEvent) -> None:
        try:
            client.networks()
        except cni.CNIError as error:
            answers.append(error.kind)

    client.set_log(call_back)
    try:
        with client.attach(network, container_id="c1", netns=path):
            pass
    finally:
        client.set_log(None)
    assert set(answers) == {"busy"}


SLEEPER = {"cniVersion": "1.1.0", "name": "slow", "type": "sleeper"}


def sleeper(client: cni.Client) -> None:
    """Put a plugin that sleeps for a minute into the client's directory."""
    folder = pathlib.Path(str((client.plugin_dirs or [])[0]))
    folder.mkdir()
    script = folder / "sleeper"
    script.write_text('#!/bin/sh\n[ "$CNI_COMMAND" = ADD ] || exit 0\nexec sleep 60\n')
    script.chmod(0o755)


def eventually(true: Any) -> None:
    """Ask until the answer is yes."""
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def forked(call: Any) -> str:
    """The kind of the error that a call raises in a forked child."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            call()
            os.write(write, b"no error")
        except cni.CNIError as error:
            os.write(write, error.kind.encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        kind = answer.read()
    os.waitpid(child, 0)
    return kind


def version_of(path: str) -> str:
    """Runs in a process of its own."""
    return cni.Library(path).version()


def test_the_end_of_the_interpreter_does_not_wait_for_a_slow_plugin(
    client: cni.Client, path: str
) -> None:
    sleeper(client)
    given = json.dumps({"path": path, "network": SLEEPER, "options": options(client)})
    program = """
import asyncio, json, sys, threading, time
import cni
given = json.loads(sys.argv[1])
client = cni.aio.Client(**given["options"])
loop = asyncio.new_event_loop()
adding = client.add(given["network"], container_id="c1", netns=given["path"])
task = loop.create_task(adding)
loop.run_until_complete(asyncio.sleep(0.5))
task._log_destroy_pending = False
"""
    began = time.monotonic()
    done = run(sys.executable, "-c", program, given)
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - began < 30
    assert len(client.attachments()) == 0
