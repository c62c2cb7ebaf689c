"""Reports a failure that must not take the place of the exception on its way."""

from __future__ import annotations

import contextlib
import logging
from typing import Optional

LOGGER = logging.getLogger("cni")


def report(message: str, error: Optional[BaseException]) -> None:
    """Log a warning, and add it as a note to the exception on its way (Python 3.11).

    Nothing is raised, whatever the handlers of the logger do.
    """
    with contextlib.suppress(Exception):
        LOGGER.warning("%s", message)
    add_note = getattr(error, "add_note", None)
    if add_note is not None:
        with contextlib.suppress(Exception):
            add_note(message)
