"""The command line::

    python -m cni add web c1 /run/netns/c1
    python -m cni del c1

Each command is a method of :class:`cni.Client`, and its help is the method's. JSON goes to standard
output, errors to standard error, and the exit status is 1 for them.
"""

from __future__ import annotations

import argparse
import inspect
import json
import pathlib
import re
import sys
from collections.abc import Sequence
from typing import Any, Callable, NamedTuple, Optional

from .client import Client
from .errors import CNIError, LibraryLoadError
from .library import Library

OPTIONS = ("conf_dir", "plugin_dirs", "cache_dir", "state_dir", "timeout")


class Command(NamedTuple):
    """A method, the parameters that are arguments, and those that are flags."""

    method: Callable[..., Any]
    arguments: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


COMMANDS = {
    "add": Command(Client.add, ("network", "container_id", "netns"), ("if_name",)),
    "del": Command(Client.delete, ("container_id",), ("network", "if_name", "force")),
    "check": Command(Client.check, ("container_id",), ("network", "if_name")),
    "list": Command(Client.attachments, (), ("container_id", "network")),
    "networks": Command(Client.networks),
    "plugins": Command(Client.plugins),
    "version": Command(Client.version),
    "call": Command(Client.call, ("method", "request")),
}


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run a command and return the exit status."""
    words = parser().parse_args(arguments)
    options = {name: getattr(words, name) for name in OPTIONS}
    client = Client(**options, library=Library(words.library))
    try:
        answer = run(client, words)
    except CNIError as error:
        print(json.dumps(error.raw, indent=2) if words.json else f"cni: {error}", file=sys.stderr)
        return 1
    except (LibraryLoadError, OSError, ValueError) as error:
        print(f"cni: {error}", file=sys.stderr)
        return 1
    if answer is not None:
        print(json.dumps(answer, indent=2))
    return 0


def run(client: Client, words: argparse.Namespace) -> Any:
    """Call the method of a command; its answer as JSON."""
    command = COMMANDS[words.command]
    passed = {name: getattr(words, name) for name in (*command.arguments, *command.flags)}
    if passed.get("network") and command.method is not Client.attachments:
        passed["network"] = network(passed["network"])
    if passed.get("request") == "-":
        passed["request"] = sys.stdin.buffer.read()
    answer = command.method(client, **passed)
    return getattr(answer, "raw", answer)


def network(word: str) -> Any:
    """A network as written on the command line."""
    if word.lstrip().startswith("{"):
        return json.loads(word)
    return pathlib.Path(word) if "/" in word else word


def parser() -> argparse.ArgumentParser:
    """The commands and what each takes."""
    top = argparse.ArgumentParser(
        prog="python -m cni", description="Attach containers to networks."
    )
    top.add_argument("--json", action="store_true", help="print errors as JSON")
    top.add_argument("--library", help="the libcni.so to load")
    for name in OPTIONS:
        many: Any = {"action": "append"} if name.endswith("s") else {}
        kind: Any = float if name == "timeout" else str
        flag = "--" + name.rstrip("s").replace("_", "-")
        top.add_argument(flag, dest=name, type=kind, help=described(Client, name), **many)
    commands = top.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, command in COMMANDS.items():
        text = summary(command.method)
        add_parameters(commands.add_parser(name, help=text, description=text), command)
    return top


def add_parameters(subparser: argparse.ArgumentParser, command: Command) -> None:
    parameters = inspect.signature(command.method).parameters
    for name in command.arguments:
        optional: Any = {"nargs": "?"} if parameters[name].default is None else {}
        subparser.add_argument(name, help=described(command.method, name), **optional)
    for name in command.flags:
        switch: Any = {"action": "store_true"} if parameters[name].default is False else {}
        flag = "--" + name.replace("_", "-")
        subparser.add_argument(flag, help=described(command.method, name), **switch)


def summary(method: Callable[..., Any]) -> str:
    """The first sentence of a docstring."""
    return plain(inspect.getdoc(method) or "").partition("\n")[0]


def described(documented: Any, name: str) -> str:
    """What the docstring of a method says about a parameter, or that of a class on a field."""
    for part in inspect.getmro(documented) if inspect.isclass(documented) else [documented]:
        text = plain(inspect.getdoc(part) or "")
        found = re.search(rf"^:\w+ {name}: (.*(?:\n    .*)*)", text, re.MULTILINE)
        if found:
            return " ".join(found.group(1).split()).replace("%", "%%")
    return ""


def plain(text: str) -> str:
    """A docstring without its markup."""
    return re.sub(r":\w+:`([^`]*)`", r"\1", text).replace("``", "")


if __name__ == "__main__":
    sys.exit(main())
