"""How calls become methods, and how what a block did is undone at its end."""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Callable

from .requests import Call


def present(method: Callable[..., Any], describe: Callable[..., Call[Any]]) -> None:
    """Give the method the name, text and signature that help() shows."""
    functools.update_wrapper(method, describe)
    signature = inspect.signature(describe)
    myself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    answer = str(signature.return_annotation)[len("Call[") : -len("]")]
    parameters = [myself, *signature.parameters.values()]
    method.__signature__ = signature.replace(parameters=parameters, return_annotation=answer)  # type: ignore[attr-defined]


@contextmanager
def undoing(undo: Callable[[], object]) -> Iterator[None]:
    """Run undo at the end of the block. If both fail, the block's error counts and undo's is reported."""
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
    """Tell of an error that cannot be raised, as the interpreter does."""
    trace = error.__traceback__
    told = types.SimpleNamespace(exc_type=type(error), exc_value=error, exc_traceback=trace, err_msg=None, object=where)
    sys.unraisablehook(told)
