"""Errors in words a user can act on: what was needed, what came, the remedy."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class ConvAtlasError(Exception):
    """The work had to stop for a reason outside the code; the message is a clear sentence and no traceback is owed."""

    exit_code = 1


class InputError(ConvAtlasError, ValueError):
    """An argument, option or file of the user cannot work."""

    exit_code = 2


class ConvAtlasWarning(UserWarning):
    """Something worth knowing that does not stop the work; the command line shows it as one sentence."""


def unknown_name(kind: str, name: str, known: Iterable[str], remedy: str = "") -> InputError:
    """The error for a name that does not exist, with the nearest ones that do.

    Raises   nothing: the caller raises what this returns, so that type checkers see the end of the branch
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    elif len(names) <= 12:
        hint = f"there is {', '.join(names)}." if names else "there is none."
    else:
        hint = f"there are {len(names)}, {names[0]} to {names[-1]}."
    return InputError(f"unknown {kind} {name!r}: {hint}{' ' + remedy if remedy else ''}")


def count_of(count: int, thing: str) -> str:
    """A count with its noun, which is plural where it has to be."""
    return f"{count:,} {thing}{'s' * (count != 1)}"


def join_names(names: Sequence[str], most: int = 8) -> str:
    """The first names and how many more there are: "a, b and 3 more"."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
