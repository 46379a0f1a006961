"""Standard output and error that never end the work: any character can be written, and a reader may leave."""

import codecs
import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from .errors import ConvAtlasError

HANDLER = "convatlas"
CONTROL = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)  # the last ones turn the direction of writing
PLAIN = {
    "⌊": "floor(", "⌋": ")", "×": "x", "·": "*", "−": "-", "–": "-", "—": "-", "…": "...", "±": "+/-", "→": "->", "≤": "<=",
    "≥": ">=", "≠": "!=", "≈": "~", "∞": "inf", "²": "^2", "³": "^3", "°": " degrees", "✓": "+", "✗": "x", "•": "*", "‘": "'",
    "’": "'", "“": '"', "”": '"', "━": "-", "╸": "-", "╺": "-", "─": "-", "\N{NO-BREAK SPACE}": " ",
}  # fmt: skip
GONE = (errno.EPIPE, errno.EINVAL)  # what a write to a pipe without a reader gives; the second one on Windows


def substitute(error: UnicodeError) -> tuple[str | bytes, int]:
    """What stands for characters that an encoding lacks: plain ones, the bytes of a file's name, or an escape.

    Raises   the error itself, where it is not one of encoding
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    if "\udc80" <= character <= "\udcff":  # a byte of a file's name that is no text
        return bytes([ord(character) - 0xDC00]), error.start + 1
    return PLAIN.get(character) or character.encode("ascii", "backslashreplace").decode(), error.start + 1


codecs.register_error(HANDLER, substitute)


def escape_controls(text: object, line: str = "\n") -> str:
    """The text with control characters, which could steer a terminal, written out; a line may end where `line` allows it."""
    words = str(text) if line else str(text).replace("\n", r"\n")
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), words)


class ForgivingStream:
    """A stream that takes what a reader who has left would have got, so that the work and its exit code stay the same."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.reader_left = stream, False
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=HANDLER)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Writes text, or drops it if nobody reads it any more.

        Raises   ConvAtlasError if it cannot be written for another reason, such as a full disk
        """
        with self.forgive():
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Hands on what was written.

        Raises   ConvAtlasError if it cannot be
        """
        with self.forgive():
            self.stream.flush()

    @contextmanager
    def forgive(self) -> Iterator[None]:
        """Drops what cannot be written, then and from now on.

        Raises   ConvAtlasError unless it is only that the reader left
        """
        try:
            yield
        except OSError as error:
            self.drop()
            if error.errno not in GONE:
                raise ConvAtlasError(f"cannot write the output: {error.strerror}") from error
            self.reader_left = True

    def drop(self) -> None:
        """Sends what is still held back, and all that follows, nowhere."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)


@contextmanager
def forgiving_streams() -> Iterator[None]:
    """Standard output and error are forgiving for as long as the block runs."""
    before = sys.stdout, sys.stderr
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 (a stream, where a program started without one)
        sys.stdout, sys.stderr = (ForgivingStream(stream or nowhere) for stream in before)
        try:
            yield
        finally:
            for stream in (sys.stdout, sys.stderr):
                with suppress(ConvAtlasError):
                    stream.flush()
            sys.stdout, sys.stderr = before


def reader_left() -> bool:
    """Whether nobody reads standard output any more, so that what only prints can stop."""
    return bool(getattr(sys.stdout, "reader_left", False))
