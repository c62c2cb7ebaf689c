"""Calls before they are made, and what makes them."""

from __future__ import annotations

import dataclasses
import difflib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Generic, TypeVar

from ._generated_options import CallOptions, OptionFields

if TYPE_CHECKING:
    from ._block import AsyncBlock, Block

if sys.version_info >= (3, 11):
    from typing import Unpack
elif TYPE_CHECKING:
    from typing_extensions import Unpack
else:

    class Unpack:
        """Stands for typing.Unpack in annotations, before Python 3.11."""

        def __class_getitem__(cls, item: object) -> object:
            return item


__all__ = ["AsyncCaller", "Call", "CallOptions", "Caller", "Unpack", "nothing", "options_of"]

T = TypeVar("T")

OPTIONS = [option.name for option in dataclasses.fields(OptionFields)]


@dataclass(frozen=True)
class Call(Generic[T]):
    """A call that has not been made."""

    method: str
    request: dict[str, Any]
    decode: Callable[[Any], T]
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of this call; they take precedence over those of the client."""


class Caller:
    """Makes calls."""

    def make(self, call: Call[T]) -> T:
        """Make a call."""
        raise NotImplementedError

    def block(self, call: Call[T]) -> Block[T]:
        """What the call makes, for the duration of a with block."""
        raise NotImplementedError


class AsyncCaller:
    """Makes calls without blocking the event loop."""

    async def make_async(self, call: Call[T]) -> T:
        """Make a call in a thread."""
        raise NotImplementedError

    def block(self, call: Call[T]) -> AsyncBlock[T]:
        """What the call makes, for the duration of an async with block."""
        raise NotImplementedError


def options_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a call that are set. TypeError names one that does not exist."""
    for name in options:
        if name not in OPTIONS:
            near = difflib.get_close_matches(name, OPTIONS, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise TypeError(f"{name!r} is neither a parameter nor an option of a call{hint}")
    return {name: value for name, value in options.items() if value is not None}


def nothing(_response: Any) -> None:
    return None
