"""Signal handlers run after what must not be interrupted, and are as before afterwards."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from cni._signals import disposition, whole


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """The handlers of pytest come back after a test."""
    saved = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGALRM)}
    yield
    for number, handler in saved.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGALRM])
def test_what_a_handler_raises_is_raised_at_the_end(number: int) -> None:
    done: list[str] = []

    def handler(*_: object) -> None:
        assert done == ["before", "after"]
        raise TimeoutError("of the handler")

    def interrupted() -> None:
        done.append("before")
        signal.raise_signal(number)
        done.append("after")

    signal.signal(number, handler)
    with pytest.raises(TimeoutError, match="of the handler"):
        whole(interrupted)
    assert signal.getsignal(number) is handler


def test_every_signal_is_handled_although_one_raises() -> None:
    seen: list[int] = []

    def handler(number: int, _frame: object) -> None:
        seen.append(number)

    def both() -> None:
        signal.raise_signal(signal.SIGALRM)
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGALRM, handler)
    with pytest.raises(KeyboardInterrupt):
        whole(both)
    assert seen == [signal.SIGALRM]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_one_within_another_waits_for_the_outer_one() -> None:
    done: list[str] = []

    def inner() -> None:
        signal.raise_signal(signal.SIGINT)

    def outer() -> None:
        whole(inner)
        done.append("the rest of the outer one")

    signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt):
        whole(outer)
    assert done


def test_a_handler_that_is_set_meanwhile_stays() -> None:
    def handler(*_: object) -> None:
        pass

    whole(lambda: signal.signal(signal.SIGALRM, handler))
    assert signal.getsignal(signal.SIGALRM) is handler


def test_flags_and_handlers_in_c_stay() -> None:
    flags = slice(136, 140)  # behind the handler and 1024 bits of signals

    async def states() -> list[bytes]:
        asyncio.get_running_loop().add_signal_handler(signal.SIGALRM, lambda: None)
        before = disposition(signal.SIGALRM).raw[flags]
        whole(lambda: None)
        return [before, disposition(signal.SIGALRM).raw[flags]]

    before, after = asyncio.run(states())
    assert before == after


def test_other_threads_are_not_concerned() -> None:
    answers: list[Any] = []

    def look() -> None:
        answers.append(whole(lambda: signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert answers == [signal.getsignal(signal.SIGINT)]
