"""Limits of our own in place of Pillow's, which are global, and silence about metadata, for as long as pictures are decoded."""

import logging
import re
import threading
import warnings
from types import TracebackType
from typing import Any

from PIL import Image, PngImagePlugin

MOST_METADATA = 1 << 26  # bytes that a compressed color profile or text may unpack to
_LOGGER = logging.getLogger("PIL.TiffImagePlugin")  # says what is raised too
_SILENT: Any = ("ignore", None, Warning, re.compile(r"PIL\."), 0)  # an entry of warnings.filters


class OwnLimits:
    """A context for many threads at once; what Pillow's users have set comes back when the last one leaves it."""

    def __init__(self) -> None:
        self.lock, self.inside = threading.Lock(), 0
        self.theirs = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK, _LOGGER.level

    def __enter__(self) -> None:
        with self.lock:
            if not self.inside:
                self.theirs = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK, _LOGGER.level
                _LOGGER.setLevel(logging.CRITICAL)
                Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = None, MOST_METADATA
                warnings.filters.insert(0, _SILENT)  # type: ignore[attr-defined]  # by hand: nothing is to be warned of anew
            self.inside += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self.lock:
            self.inside -= 1
            if not self.inside:
                Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK, level = self.theirs
                _LOGGER.setLevel(level)
                if _SILENT in warnings.filters:  # whoever caught warnings meanwhile took the list along
                    warnings.filters.remove(_SILENT)  # type: ignore[attr-defined]


OWN_LIMITS = OwnLimits()
