"""Puts libcni.so into the wheel, and the library's sources into the sdist.

The library is, in this order:

- none, if LIBCNI_SYSTEM=1: the wheel is pure and uses the system's library;
- the file that LIBCNI_BUILD_LIBRARY names;
- ``build/libcni.so.0.1.0`` of the repository around this folder, or of the sources in an sdist. It
  is made with ``make`` if it is missing or older than a source. LIBCNI_SOURCE names the repository
  if this folder was copied out of it.

The tag is ``py3-none-PLATFORM``, since the library does not depend on Python. LIBCNI_WHEEL_PLATFORM
sets another platform, such as ``manylinux_2_34_x86_64``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

IN_WHEEL = "cni/_lib/libcni.so.0"
IN_SDIST = "source"
SOURCES = ("go.mod", "go.sum", "Makefile", "LICENSE", "api", "capi", "cmd", "core", "include")
MODULE = "module github.com/libcni/libcni\n"


class LibraryHook(BuildHookInterface):  # type: ignore[misc,type-arg,unused-ignore]
    """Hatchling's build hook."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        if self.target_name == "sdist":
            build_data["force_include"].update(sources(root))
        elif version == "standard" and os.environ.get("LIBCNI_SYSTEM") != "1":
            build_data["force_include"][str(library(root))] = IN_WHEEL
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{platform()}"


def platform() -> str:
    """The platform part of the wheel's tag."""
    native = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    return os.environ.get("LIBCNI_WHEEL_PLATFORM") or native


def library(root: Path) -> Path:
    """The library to put into the wheel."""
    chosen = os.environ.get("LIBCNI_BUILD_LIBRARY")
    if chosen:
        return Path(chosen).resolve(strict=True)
    repository = find_repository(root)
    if repository is None:
        raise SystemExit(
            "libcni: no sources of the library beside or in this folder. Set LIBCNI_SOURCE to a"
            " checkout, LIBCNI_BUILD_LIBRARY to a libcni.so, or LIBCNI_SYSTEM=1 to use the system's"
            " libcni.so.0."
        )
    built = repository / "build" / f"libcni.so.{version_of(root)}"
    if not up_to_date(built, repository):
        make(repository)
    return built.resolve(strict=True)


def find_repository(root: Path) -> Optional[Path]:
    """The folder with the library's sources.

    Old versions of pip build in a copy of this folder, and only $PWD names the original.
    """
    shell = Path(os.environ.get("PWD", "/nowhere"))
    named = os.environ.get("LIBCNI_SOURCE")
    candidates = [Path(named)] if named else [root.parent, root / IN_SDIST, shell, shell.parent]
    return next((candidate for candidate in candidates if is_repository(candidate)), None)


def is_repository(folder: Path) -> bool:
    module = folder / "go.mod"
    named = module.is_file() and module.read_text().startswith(MODULE)
    return named and (folder / "Makefile").is_file()


def version_of(root: Path) -> str:
    """The version, which names the library's file."""
    namespace: dict[str, str] = {}
    exec((root / "cni" / "_version.py").read_text(), namespace)
    return namespace["__version__"]


def up_to_date(built: Path, repository: Path) -> bool:
    """Whether the library is there and no source is newer."""
    if not built.is_file():
        return False
    made = built.stat().st_mtime
    return all(source.stat().st_mtime <= made for source in inputs(repository))


def inputs(repository: Path) -> Iterator[Path]:
    """The files that the library is made of."""
    yield from (repository / name for name in ("go.mod", "go.sum"))
    for folder in ("api", "capi", "core", "include"):
        for file in (repository / folder).rglob("*"):
            source = file.suffix in {".go", ".c", ".h", ".map", ".json"}
            if source and not file.name.endswith("_test.go"):
                yield file


def make(repository: Path) -> None:
    """Build the library, which needs Go, gcc and make."""
    missing = [tool for tool in ("make", "go", "gcc") if shutil.which(tool) is None]
    if missing:
        raise SystemExit(
            f"libcni: {', '.join(missing)} needed to build the library. Set LIBCNI_BUILD_LIBRARY"
            " to a libcni.so, or LIBCNI_SYSTEM=1 to use the system's libcni.so.0."
        )
    subprocess.run(["make", "-C", str(repository), "build/libcni.so"], check=True)


def sources(root: Path) -> dict[str, str]:
    """What an sdist carries of the repository, by its place there."""
    repository = find_repository(root)
    if repository is None or repository == root / IN_SDIST:
        return {}
    return {
        str(repository / name): f"{IN_SDIST}/{name}"
        for name in SOURCES
        if (repository / name).exists()
    }
