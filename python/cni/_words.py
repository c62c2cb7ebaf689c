"""Puts Python's names in place of those of the C interface in the messages of errors."""

from __future__ import annotations

import re

from ._generated_words import KEYS, OPTIONS, VERBS

NOT_OURS = {"plugin-failed", "volume-plugin-failed", "invalid-config", "bug"}
"""Kinds whose messages are about the keys of a configuration, or are those of a plugin."""

FORCE = re.compile(r"\b(?:run DEL with|set) force\b")
ADVICE = "run DEL with force "
"""How the library's own advice begins, which may stand in the error of a plugin."""

WORD = re.compile(
    r"""
    "(?:[^"\\]|\\.)*"                            # quoted: a value
    | \boptions\.(?P<option>[a-z]\w*(?:\.\w+)?)
    | \b(?P<verb>cni_[a-z_]+[a-z])\b
    | (?<![/\w-])(?P<key>[a-z]+[A-Z]\w*)\b(?![/\w-])
    """,
    re.VERBOSE,
)


def in_python(text: str, kind: str) -> str:
    """A message or a key of an error object, in the words of this package."""
    if kind == "invalid-request" and text in KEYS:
        return KEYS[text]
    if kind in NOT_OURS and not text.startswith(ADVICE):
        return text
    return WORD.sub(replaced, FORCE.sub("call delete(force=True)", text))


def replaced(found: re.Match[str]) -> str:
    """The word for a name, or the name itself."""
    option, verb, key = found.group("option", "verb", "key")
    if option:
        first = option.partition(".")[0]
        if option in OPTIONS or first not in OPTIONS:
            return OPTIONS.get(option, found.group())
        return OPTIONS[first] + option[len(first) :]
    return VERBS.get(verb or "", KEYS.get(key or "", found.group()))
