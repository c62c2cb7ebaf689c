"""Interrupts child interpreters at random moments, and prints what they left behind as JSON.

    interrupted.py MODE COUNT SEED FOLDER

A child loads the library, announces that it begins, attaches and detaches a container in the way
that MODE names, and ends as an interpreter does. The moments are spread over all of that, in an
order that SEED decides.
"""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import random
import signal
import socket
import sys
import threading
import time
from typing import Any, Callable

import cni

BEGINS, THREADS_LEFT = b"b", b"t"


class Place:
    """Where containers are attached."""

    def __init__(self, folder: str) -> None:
        self.leases = pathlib.Path(folder, "leases")
        self.before = links()
        self.options: dict[str, Any] = {
            "conf_dir": f"{folder}/conf",
            "cache_dir": f"{folder}/cache",
            "state_dir": f"{folder}/state",
            "library": cni.Library(os.environ["CNI_LIBRARY"]),
        }
        self.network = {
            "cniVersion": "1.1.0",
            "name": "web",
            "type": "bridge",
            "bridge": "br-web",
            "ipam": {
                "type": "host-local",
                "dataDir": str(self.leases),
                "ranges": [[{"subnet": "10.41.0.0/16"}]],
            },
        }

    def left(self) -> dict[str, list[str]]:
        """What is left of containers: nothing but what they share is right."""
        client = cni.Client(**self.options)
        return {
            "attachments": [item.container_id for item in client.attachments()],
            "intents": names(pathlib.Path(client.state_dir or "", "intents"), "*"),
            "addresses": names(self.leases, "10.*"),
            "links": sorted(links() - self.before - {"br-web"}),
            "namespaces": names(pathlib.Path("/run/netns"), "*"),
        }


def links() -> set[str]:
    return {name for _, name in socket.if_nameindex()}


def names(folder: pathlib.Path, pattern: str) -> list[str]:
    return sorted(path.name for path in folder.rglob(pattern))


def with_statement(place: Place, name: str) -> None:
    client = cni.Client(**place.options)
    with client.netns() as path, client.attach(place.network, container_id=name, netns=path):
        pass


def in_a_thread(place: Place, name: str) -> None:
    """The interpreter does not wait for the thread."""
    thread = threading.Thread(target=with_statement, args=(place, name), daemon=True)
    thread.start()
    thread.join()


def coroutine(place: Place, name: str) -> None:
    attaching: Any = {"container_id": name}

    async def attached() -> None:
        if sys.version_info < (3, 11):  # there, Ctrl-C can make asyncio lose a task
            task: Any = asyncio.current_task()
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
        client = cni.aio.Client(**place.options)
        async with client.netns() as path, client.attach(place.network, netns=path, **attaching):
            pass

    asyncio.run(attached())


def never_left(place: Place, name: str) -> None:
    """The end of the interpreter ends the blocks."""
    client = cni.Client(**place.options)
    blocks: list[Any] = [client.netns()]
    path = blocks[0].__enter__()
    blocks.append(client.attach(place.network, container_id=name, netns=path))
    blocks[1].__enter__()
    KEPT.extend(blocks)


KEPT: list[Any] = []
MODES: dict[str, Callable[[Place, str], None]] = {
    "with": with_statement,
    "thread": in_a_thread,
    "asyncio": coroutine,
    "exit": never_left,
}


def child(place: Place, mode: str, name: str, pipe: int) -> None:
    """What a child does; it then ends by itself."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # tracebacks of KeyboardInterrupt
    cni.Client(**place.options).version()  # loads the library, which takes longer than the rest
    os.write(pipe, BEGINS)
    try:
        MODES[mode](place, name)
    finally:
        if mode == "asyncio" and threads_left():
            os.write(pipe, THREADS_LEFT)


def threads_left() -> bool:
    """Whether threads are there that do not end by themselves."""
    deadline = time.monotonic() + 5
    while threading.active_count() > 1:
        if time.monotonic() > deadline:
            return True
        time.sleep(0.001)
    return False


def main() -> None:
    mode, count, seed, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore the signal
    place = Place(folder)
    moments = random.Random(seed)
    span = 0.0
    interrupted = threads = 0
    for number in range(-3, count):  # the first are not interrupted, but measured
        reading, writing = os.pipe()
        process = os.fork()
        if process == 0:
            child(place, mode, f"c{number + 3}", writing)
            return
        os.close(writing)
        os.read(reading, 1)
        began = time.monotonic()
        if number >= 0:
            time.sleep(moments.uniform(0, span))
            os.kill(process, signal.SIGINT)
        threads += THREADS_LEFT in os.read(reading, 10)
        _, status = os.waitpid(process, 0)
        os.close(reading)
        interrupted += os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT
        if number < 0:
            span = max(span, time.monotonic() - began)
    answer: dict[str, Any] = {"interrupted": interrupted, "threads": threads, **place.left()}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
