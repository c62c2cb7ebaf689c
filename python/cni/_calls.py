"""Undoes at the end of a block what its beginning did."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Callable


@contextmanager
def undoing(undo: Callable[[], object]) -> Iterator[None]:
    """Run undo at the end of the block.

    If both fail, the error of the block is raised and that of undo is reported.
    """
    try:
        yield
    except BaseException:
        try:
            undo()
        except Exception as error:
            report(error, undo)
        raise
    undo()


def report(error: Exception, where: object) -> None:
    """Report an error that cannot be raised, as the interpreter does."""
    sys.unraisablehook(
        types.SimpleNamespace(
            exc_type=type(error),
            exc_value=error,
            exc_traceback=error.__traceback__,
            err_msg=None,
            object=where,
        )
    )
