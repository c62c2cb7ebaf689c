"""Puts libcni.so into the wheel, and the library's sources into the sdist.

The library is, in this order:

- none, if LIBCNI_SYSTEM=1: the wheel is pure and uses the system's library;
- the file that LIBCNI_BUILD_LIBRARY names;
- ``build/libcni.so.0.1.0`` of the repository around this folder, or of the sources in an sdist. It
  is made with ``make`` if it is missing or older than a source. LIBCNI_SOURCE names the repository
  if this folder was copied out of it.

The tag is ``py3-none-manylinux_2_34_x86_64``, where 2.34 is the oldest glibc with which the library
works. An index accepts it, and pip on a system with musl refuses it. LIBCNI_WHEEL_PLATFORM sets
another platform.

An editable installation has no library of its own. The package finds the one that is built in the
checkout.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Optional

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
        elif os.environ.get("LIBCNI_SYSTEM") != "1":
            built = library(root)
            if version == "standard":
                build_data["force_include"][str(built)] = IN_WHEEL
                build_data["pure_python"] = False
                build_data["tag"] = f"py3-none-{platform(built)}"


def platform(library: Path) -> str:
    """The platform part of the wheel's tag."""
    chosen = os.environ.get("LIBCNI_WHEEL_PLATFORM")
    native = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    glibc = max(glibc_versions(library.read_bytes()), default=None)
    if chosen or glibc is None or not native.startswith("linux_"):
        return chosen or native
    return f"manylinux_{glibc[0]}_{glibc[1]}_{native[len('linux_') :]}"


class Section(NamedTuple):
    """The fields of an ELF64 section header, in their order."""

    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    align: int
    entry: int


NEEDED_VERSIONS = 0x6FFFFFFE  # SHT_GNU_verneed


def glibc_versions(elf: bytes) -> Iterator[tuple[int, int]]:
    """The versions of glibc whose symbols a 64-bit library needs (.gnu.version_r)."""
    order = "<" if elf[5] == 1 else ">"
    (table,) = struct.unpack_from(order + "Q", elf, 0x28)
    size, count = struct.unpack_from(order + "HH", elf, 0x3A)
    headers = [
        Section(*struct.unpack_from(order + "IIQQQQIIQQ", elf, table + n * size))
        for n in range(count)
    ]
    for section in headers:
        if section.kind == NEEDED_VERSIONS:
            strings = headers[section.link].offset
            for name in version_names(elf, order, section):
                end = elf.index(b"\0", strings + name)
                library, _, version = elf[strings + name : end].decode().partition("_")
                if library == "GLIBC":
                    major, minor = version.split(".")[:2]
                    yield int(major), int(minor)


def version_names(elf: bytes, order: str, section: Section) -> Iterator[int]:
    """The offsets of the names: a list of files, each with a list of versions."""
    file = section.offset
    for _ in range(section.info):
        _, versions, _, first, following = struct.unpack_from(order + "HHIII", elf, file)
        version = file + first
        for _ in range(versions):
            _, _, _, name, next_version = struct.unpack_from(order + "IHHII", elf, version)
            yield name
            version += next_version
        file += following


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
