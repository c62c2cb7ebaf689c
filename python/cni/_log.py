"""Events of the library, in the log of the program."""

from __future__ import annotations

import logging

from ._reports import LOGGER
from ._words import in_python
from .models import LogEvent

LEVELS = {"warning": logging.WARNING, "plugin": logging.DEBUG}


def to_logger(event: LogEvent) -> None:
    """Log an event: a warning as a warning, the run of a plugin for debugging.

    The record has the event as its attribute ``event``.
    """
    level = LEVELS.get(event.event, logging.INFO)
    if LOGGER.isEnabledFor(level):
        LOGGER.log(level, "%s", words(event), extra={"event": event})


def words(event: LogEvent) -> str:
    """An event in words: ``ADD web c1 eth0: bridge ran for 2.1 ms``."""
    subject = " ".join(filter(None, event_subject(event)))
    ran = f"{event.plugin} ran for {event.duration_ms or 0:.1f} ms" if event.plugin else ""
    failed = f", and failed with code {event.code}" if event.code else ""
    text = in_python(event.msg, event.event) or ran + failed or event.event
    return f"{subject}: {text}" if subject else text


def event_subject(event: LogEvent) -> tuple[str, ...]:
    return event.command, event.network, event.container_id, event.if_name
