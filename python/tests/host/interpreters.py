"""Runs programs in interpreters of their own: this one's, and others from Python 3.9 that exist."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
from typing import Any

import cni

PACKAGE = pathlib.Path(cni.__file__).parent.parent


def interpreters() -> list[str]:
    """This interpreter, and one of each other version that runs."""
    found = {sys.version_info[:2]: sys.executable}
    for minor in range(9, 20):
        path = shutil.which(f"python3.{minor}")
        if path and (3, minor) not in found and runs(path):
            found[3, minor] = path
    return list(found.values())


def runs(path: str) -> bool:
    """Whether an interpreter has what the package needs."""
    done = subprocess.run([path, "-c", "import ctypes"], capture_output=True, check=False)
    return done.returncode == 0


def run(
    interpreter: str, *arguments: str, text: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a program that can import the package and loads the library under test."""
    inherited = {
        **os.environ,
        "PYTHONPATH": str(PACKAGE),
        "LIBCNI_PATH": os.environ["CNI_LIBRARY"],
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        [interpreter, *arguments],
        input=text,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def options(client: cni.Client) -> dict[str, Any]:
    """The options of a client, for another interpreter."""
    return {
        "conf_dir": str(client.conf_dir),
        "plugin_dirs": [str(path) for path in client.plugin_dirs or []],
        "cache_dir": str(client.cache_dir),
        "state_dir": str(client.state_dir),
    }
