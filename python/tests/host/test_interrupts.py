"""Ctrl-C at any moment leaves nothing: no attachment, address, link, namespace or thread."""

from __future__ import annotations

import json
import pathlib

import pytest
from interpreters import interpreters, run

PROGRAM = pathlib.Path(__file__).parent / "interrupted.py"
OTHERS = interpreters()[1:]


def interrupt(interpreter: str, mode: str, count: int, folder: pathlib.Path) -> int:
    """Interrupt children and expect that nothing is left; return how many ended by the signal."""
    done = run(interpreter, str(PROGRAM), mode, str(count), "a fixed seed", str(folder))
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    interrupted: int = answer.pop("interrupted")
    assert not any(answer.values()), answer
    return interrupted


@pytest.mark.parametrize(
    ("mode", "count"), [("with", 120), ("asyncio", 120), ("thread", 30), ("exit", 30)]
)
def test_nothing_is_left(mode: str, count: int, tmp_path: pathlib.Path) -> None:
    interrupted = interrupt(interpreters()[0], mode, count, tmp_path)
    assert count / 10 < interrupted  # the moments are those of the calls


@pytest.mark.skipif(not OTHERS, reason="this machine has one version of Python")
@pytest.mark.parametrize("mode", ["with", "asyncio"])
def test_nothing_is_left_with_other_versions_of_python(mode: str, tmp_path: pathlib.Path) -> None:
    for number, interpreter in enumerate(OTHERS):
        folder = tmp_path / str(number)
        folder.mkdir()
        interrupt(interpreter, mode, 60, folder)
