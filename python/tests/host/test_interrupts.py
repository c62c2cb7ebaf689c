"""Ctrl-C at any moment leaves nothing: no attachment, address, link, namespace or thread."""

from __future__ import annotations

import json
import pathlib

import pytest
from interpreters import interpreters, run

PROGRAM = pathlib.Path(__file__).parent / "interrupted.py"
HERE, *OTHERS = interpreters()


def interrupt(interpreter: str, mode: str, count: int, seed: str, folder: pathlib.Path) -> int:
    """Interrupt children and expect that nothing is left; return how many ended by the signal."""
    done = run(interpreter, str(PROGRAM), mode, str(count), seed, str(folder))
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    interrupted: int = answer.pop("interrupted")
    assert not any(answer.values()), answer
    return interrupted


@pytest.mark.parametrize("seed", ["one", "two"])
@pytest.mark.parametrize(
    ("mode", "count"), [("with", 60), ("asyncio", 60), ("thread", 15), ("exit", 15)]
)
def test_nothing_is_left(mode: str, count: int, seed: str, tmp_path: pathlib.Path) -> None:
    interrupted = interrupt(HERE, mode, count, seed, tmp_path)
    assert count / 10 < interrupted  # the moments are those of the calls


@pytest.mark.parametrize("interpreter", OTHERS or [HERE])
@pytest.mark.parametrize("mode", ["with", "asyncio"])
def test_nothing_is_left_with_other_versions_of_python(
    interpreter: str, mode: str, tmp_path: pathlib.Path
) -> None:
    interrupt(interpreter, mode, 30, "three", tmp_path)
