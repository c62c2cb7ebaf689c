"""Finds and loads libcni.so at the first call, and detects a fork since then.

The library is, in this order: the path given to :class:`cni.Library`; ``LIBCNI_PATH``, unless the
process has more rights than its user; the library inside the package; the one that is built in the
checkout, if the package is used from one; the system's ``libcni.so.0``.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.resources
import os
import pathlib
import threading
from collections.abc import Iterator
from typing import Optional

from . import _ffi, errors

SONAME = "libcni.so.0"
PATH_VARIABLE = "LIBCNI_PATH"
AT_SECURE = 23  # getauxval(3): set-user-ID, set-group-ID or file capabilities


class Process:
    """Whether this process has loaded a library, and whether it was forked after that."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.loaded = False
        self.forked = False
        self._watched = False

    @contextlib.contextmanager
    def entering(self) -> Iterator[None]:
        """A library is being loaded: its threads will not survive a fork."""
        if not self._watched:
            os.register_at_fork(after_in_child=self.in_child)
            self._watched = True
        before, self.loaded = self.loaded, True
        try:
            yield
        except errors.LibraryLoadError as error:
            if isinstance(error.__cause__, OSError):  # dlopen failed: no threads
                self.loaded = before
            raise

    def in_child(self) -> None:
        self.forked = self.forked or self.loaded
        self.lock = threading.Lock()  # its holder is a thread of the parent


PROCESS = Process()


def load(path: Optional[str]) -> ctypes.CDLL:
    """Load the library, from path or from where it is looked for, and set its prototypes."""
    with PROCESS.lock:
        if PROCESS.forked:
            raise errors.forked()
        with located(path) as place, PROCESS.entering():
            return opened(place)


@contextlib.contextmanager
def located(path: Optional[str]) -> Iterator[str]:
    """The library: a path that is valid inside the with block, or the soname."""
    chosen = path or environment_path()
    if chosen:
        yield chosen
        return
    bundled = importlib.resources.files(__package__ or "cni") / "_lib" / SONAME
    if bundled.is_file():
        with importlib.resources.as_file(bundled) as file:
            yield str(file)
        return
    yield checkout_path() or SONAME


def checkout_path() -> Optional[str]:
    """The library that "make" built, if this package lies in a checkout of libcni."""
    project = pathlib.Path(__file__).resolve().parent.parent
    built = project.parent / "build" / SONAME
    in_checkout = (project / "hatch_build.py").is_file() and (project.parent / "capi").is_dir()
    return str(built) if in_checkout and built.is_file() else None


def environment_path() -> Optional[str]:
    """LIBCNI_PATH, unless the process has more rights than its user."""
    return None if privileged() else os.environ.get(PATH_VARIABLE) or None


def privileged() -> bool:
    """Whether the process has more rights than its user."""
    getauxval = ctypes.CDLL(None).getauxval
    getauxval.argtypes, getauxval.restype = [ctypes.c_ulong], ctypes.c_ulong
    return bool(getauxval(AT_SECURE)) or os.getuid() != os.geteuid() or os.getgid() != os.getegid()


def opened(place: str) -> ctypes.CDLL:
    """dlopen, check the ABI version and set the prototypes."""
    try:
        library = ctypes.CDLL(place)
    except OSError as error:
        hint = f"; install libcni, or set {PATH_VARIABLE} to the library" if place == SONAME else ""
        raise errors.LibraryLoadError(f"cannot load {place}: {error}{hint}", path=place) from error
    try:
        _ffi.declare(library)
    except AttributeError as error:
        message = f"{place} is not libcni, or is older than this package: {error}"
        raise errors.LibraryLoadError(message, path=place) from error
    abi = library.cni_abi_version()
    if abi != _ffi.ABI_VERSION:
        message = f"{place} has ABI version {abi}; this package needs {_ffi.ABI_VERSION}"
        raise errors.LibraryLoadError(message, path=place)
    return library
