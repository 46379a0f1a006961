"""What is wrong with a command line, in one sentence."""

import re
from typing import NoReturn

from cyclopts import (
    App,
    CycloptsError,
    MissingArgumentError,
    RepeatArgumentError,
    UnknownCommandError,
    UnusedCliTokensError,
)

from ..errors import InputError, join_names, unknown_name

NUMBERS = re.compile(r"[-+.,0-9eE]+")
PER_CHANNEL = ("--mean", "--std")


def check_words(words: list[str]) -> None:
    """Raises InputError for an empty word, which no flag can use, and for numbers of channels without commas."""
    for flag, first, second in zip(words, words[1:], words[2:], strict=False):
        if flag in PER_CHANNEL and "evaluate" not in words and NUMBERS.fullmatch(first) and NUMBERS.fullmatch(second):
            raise InputError(f"{flag} takes its numbers with commas between them: {flag} {first},{second},…")
    for before, word in zip(["", *words], words, strict=False):
        flag, equals, value = word.partition("=")
        if word and not (flag.startswith("--") and equals and not value):
            continue
        name = flag if equals else before if before.startswith("--") else ""
        raise InputError(f"{name} is empty: give it a value, or leave it out" if name else "a word of the command is empty: ''")


def explain(error: CycloptsError) -> NoReturn:
    """Raises InputError with the sentence for what could not be parsed."""
    raise InputError(sentence(error)) from error


def sentence(error: CycloptsError) -> str:
    """What is wrong, and where help is."""
    command = " ".join(["convatlas", *(error.command_chain or ())])
    see = f"see `{command} --help`"
    extra = list(map(str, error.unused_tokens or ()))
    text = " ".join(str(error).split())
    words = f"{text[:1].lower()}{text[1:]}"
    if isinstance(error.__cause__, InputError):
        words = str(error.__cause__)
    elif isinstance(error, UnknownCommandError):
        words = str(unknown_name("command", extra[0], commands_of(error.app), f"`{command} --help` lists them."))
    elif isinstance(error, UnusedCliTokensError) and (known := commands_of(error.app)):
        words = str(unknown_name("command", f"{command.removeprefix('convatlas ')} {extra[0]}", known, f"{see}."))
    elif isinstance(error, UnusedCliTokensError):
        words = f"`{command}` has no use for {join_names([repr(word) for word in extra])}: {see}"
    elif isinstance(error, MissingArgumentError) and error.argument:
        name = error.keyword or error.argument.name
        words = f"{name} needs a value: {see}" if name.startswith("-") else f"`{command}` needs {name}: {see}"
    elif isinstance(error, RepeatArgumentError):
        words = f"{error.token.keyword} is given twice: it takes one value"
    return words


def commands_of(app: App | None) -> list[str]:
    """The names of an app's commands."""
    return [name for name in app or () if not name.startswith("-")]
