"""Calls the C functions, and frees what they return.

A response is read through a ``void *`` and freed with ``cni_free`` whatever happens.
"""

from __future__ import annotations

import ctypes
from typing import Optional

from ._generated_ffi import ABI_VERSION, FUNCTIONS, LogFunction

__all__ = ["ABI_VERSION", "LogFunction", "declare", "respond"]


def declare(library: ctypes.CDLL) -> None:
    """Set the prototypes. AttributeError names a function that the library lacks."""
    for name, (arguments, result) in FUNCTIONS.items():
        function = getattr(library, name)
        function.argtypes = arguments
        function.restype = result


def respond(
    library: ctypes.CDLL, name: str, *arguments: Optional[bytes]
) -> tuple[int, Optional[bytes]]:
    """Call a function whose last argument is the response. The response is copied and freed."""
    response = ctypes.c_void_p()
    try:
        rc = getattr(library, name)(*arguments, ctypes.byref(response))
        return rc, None if response.value is None else ctypes.string_at(response.value)
    finally:
        library.cni_free(response)
