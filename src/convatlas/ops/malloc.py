"""Main memory that one step frees and the next asks for again.

glibc returns a block above 32 MiB to the system as soon as it is freed, and the top of the heap with it, so that each step of
a network gets its activations as new pages that the kernel first has to find and fill with zeros.
"""

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4  # mallopt(3)
MIB = 2**20

_lock, _blocks = threading.Lock(), 0


@contextmanager
def keep_freed_memory() -> Iterator[None]:
    """Freed memory stays with the process for as long as the block runs, and is given back after the outermost one.

    Does nothing without glibc, or where the environment has settings for it (MALLOC_…_, GLIBC_TUNABLES).
    """
    global _blocks  # noqa: PLW0603 - the heap is the process's
    libc = _glibc()
    if libc is None:
        yield
        return
    with _lock:
        _blocks += 1
        libc.mallopt(MMAP_MAX, 0)
        libc.mallopt(TRIM_THRESHOLD, -1)
    try:
        yield
    finally:
        with _lock:
            _blocks -= 1
            if not _blocks:
                # mallopt ends glibc's own adjustment of its thresholds: this is how far it would have gone.
                libc.mallopt(MMAP_MAX, 65536)
                libc.mallopt(MMAP_THRESHOLD, 32 * MIB)
                libc.mallopt(TRIM_THRESHOLD, 64 * MIB)
                libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    configured = any(name.startswith("MALLOC_") and name.endswith("_") for name in os.environ)
    if sys.platform != "linux" or configured or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "gnu_get_libc_version") else None
