"""Errors in words a user can act on: what was needed, what came, the remedy."""

import errno
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from difflib import SequenceMatcher

LISTED = 30  # names that are all listed where none is near
LEAST_SIMILARITY, LESS_SIMILAR = 0.5, 0.2  # similarity that a near name has at least, and by which another one may be less like
SIBILANTS = ("s", "x", "ch", "sh")


LONGEST_REASON = 150  # letters of another library's words


class ConvAtlasError(Exception):
    """The work had to stop for a reason outside the code; the message is a clear sentence and no traceback is owed."""

    exit_code = 1


class InputError(ConvAtlasError, ValueError):
    """An argument, option or file of the user cannot work."""

    exit_code = 2


class ConvAtlasWarning(UserWarning):
    """Something worth knowing that does not stop the work; the command line shows it as one sentence."""


class OutOfMemory(ConvAtlasError):
    """What was asked for does not fit into memory."""


_NO_MEMORY = (
    "out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory", "failed to allocate",
    "bad_alloc", "bad allocation", "unable to allocate", "alloc_failed", "storage size calculation overflowed",
    "integer multiplication overflow", "array is too big", "maximum allowed dimension exceeded", "invalid buffer size",
)  # fmt: skip


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is some allocator's way of giving up: Python's, NumPy's, PyTorch's, an accelerator's, the system's."""
    if isinstance(error, ConvAtlasError):
        return False
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    words = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError | ValueError) and any(one in words for one in _NO_MEMORY)
    )


@contextmanager
def explaining_memory(where_and_remedy: str) -> Iterator[None]:
    """Turns every allocator's way of giving up into "out of memory" and these words.

    Raises   OutOfMemory in place of the allocator's error
    """
    try:
        yield
    except (RuntimeError, MemoryError, ValueError, OSError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(f"out of memory {where_and_remedy}") from error


def unknown_name(kind: str, name: str, known: Iterable[str], remedy: str = "") -> InputError:
    """The error for a name that does not exist, with the nearest ones that do.

    Raises   nothing: the caller raises what this returns, so that type checkers see the end of the branch
    """
    names = sorted(known)
    if near := nearest_names(name, names):
        hint = f"did you mean {' or '.join(near)}?"
    elif len(names) <= LISTED:
        hint = f"there {'are' if len(names) > 1 else 'is'} {', '.join(names) or 'none'}."
    else:
        hint = f"there are {len(names)}, {names[0]} to {names[-1]}."
    return InputError(f"unknown {kind} {name!r}: {hint}{' ' + remedy if remedy else ''}")


def nearest_names(name: str, names: Iterable[str]) -> list[str]:
    """Up to three names that are like one that does not exist, the likest first; case makes no difference."""
    plain = {other: other.casefold() for other in names}
    wanted = name.casefold()
    ratios = {other: SequenceMatcher(None, wanted, text).ratio() for other, text in plain.items()}
    best = max(ratios.values(), default=0)
    least = max(LEAST_SIMILARITY, best - LESS_SIMILAR * (best < 1))
    return sorted((other for other, ratio in ratios.items() if ratio >= least), key=lambda other: (-ratios[other], other))[:3]


def first_line(error: Exception) -> str:
    """What a library says of a file, in one line that is not long: some repeat the file's content."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    line = "".join(letter if letter.isprintable() else "?" for letter in line)
    return line if len(line) <= LONGEST_REASON else f"{line[:LONGEST_REASON]}…"


def count_of(count: int, thing: str) -> str:
    """A count with its noun, which is plural where it has to be: 1 class, 2 classes, 3 copies."""
    if count != 1:
        thing = f"{thing[:-1]}ies" if thing.endswith(("py", "ry")) else f"{thing}{'es' if thing.endswith(SIBILANTS) else 's'}"
    return f"{count:,} {thing}"


def join_names(names: Sequence[str], most: int = 8, last: str = "and") -> str:
    """The first names and how many more there are: "a, b and 3 more"."""
    more = f" {last} {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
