"""What the long test targets share: jobs that are not repeated for a commit that they passed for.

A job's output is kept with the seconds since the job began before each line, so that it shows how
long a user waits for which line.
"""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import threading
import time
from typing import Callable, NamedTuple, TextIO

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHOWN = 30  # lines of a job that failed


class JobError(Exception):
    """A command of a job failed; the log has its output."""


class Log:
    """Runs commands and writes what they print, with the time, to a file."""

    def __init__(self, file: TextIO, environment: dict[str, str], limit: float) -> None:
        self.environment = environment
        self._file = file
        self._limit = limit
        self.restart()

    def restart(self) -> None:
        """Begin to count: what came before was preparation."""
        self.silence = 0.0  # seconds: the longest time without a line
        self.began = self._last = time.monotonic()

    def write(self, line: str) -> None:
        now = time.monotonic()
        self.silence = max(self.silence, now - self._last)
        self._last = now
        self._file.write(f"{now - self.began:7.1f}  {line.rstrip()}\n")
        self._file.flush()

    def run(
        self, *command: str, check: bool = True, environment: dict[str, str] | None = None
    ) -> str:
        """Run a command in the repository; return its output, unless it fails."""
        self.write("$ " + " ".join(command))
        lines = []
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.environment | (environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            timer = threading.Timer(self._limit, os.killpg, (process.pid, signal.SIGKILL))
            timer.start()
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    self.write(line)
                    lines.append(line)
            finally:
                timer.cancel()
        self.write(f"exit status {process.returncode}")
        if check and process.returncode != 0:
            raise JobError(f"{' '.join(command)}: exit status {process.returncode}")
        return "".join(lines)


class Job(NamedTuple):
    """A named part of a target."""

    name: str
    run: Callable[[Log], None]
    environment: dict[str, str]
    limit: float = 1800  # seconds for one command


def run_all(jobs: list[Job], folder: pathlib.Path, key: str) -> int:
    """Run the jobs that have not passed for this key; the last line counts the jobs."""
    verdicts = [run(job, folder, key) for job in jobs]
    print(f"{verdicts.count(True)} passed, {verdicts.count(False)} failed")
    return int(not verdicts or False in verdicts)


def run(job: Job, folder: pathlib.Path, key: str) -> bool:
    name = job.name.replace(" ", "-")
    passed = folder / "passed" / name
    if passed.is_file() and passed.read_text().startswith(key + "\n"):
        print(f"ok    {job.name} ({passed.read_text().splitlines()[1]}, before)", flush=True)
        return True

    print(f"...   {job.name}", flush=True)
    passed.parent.mkdir(parents=True, exist_ok=True)
    passed.unlink(missing_ok=True)
    path = folder / f"{name}.log"
    with path.open("w") as file:
        log = Log(file, job.environment, job.limit)
        try:
            job.run(log)
        except (JobError, OSError) as err:
            log.write(str(err))
            print(f"FAIL  {job.name} ({time.monotonic() - log.began:.0f} s): {err}", flush=True)
            print("\n".join(f"    | {line}" for line in path.read_text().splitlines()[-SHOWN:]))
            return False
        took = f"{time.monotonic() - log.began:.0f} s, longest silence {log.silence:.0f} s"
    passed.write_text(f"{key}\n{took}\n")
    print(f"ok    {job.name} ({took})", flush=True)
    return True


def chosen(jobs: list[Job], words: list[str]) -> list[Job]:
    """The jobs whose name has each of the words."""
    return [job for job in jobs if set(words) <= set(job.name.split())]


def head() -> str:
    """The last commit."""
    command = ["git", "rev-parse", "HEAD"]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def checkout() -> str:
    """The last commit; a key of its own while the checkout has changes beside it."""
    command = ["git", "status", "--porcelain"]
    changed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return head() + (f"+{time.time_ns()}" if changed else "")
