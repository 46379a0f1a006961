"""The memory that a comparison needs, and the memory that is available."""

import re
from pathlib import Path

from torch import Tensor, nn

from ..anatomy.saved_activations import kept_bytes, place
from ..errors import InputError

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
ASIDE = 7 * 10**8  # bytes that the libraries and their kernels take for themselves


def parse_size(text: str) -> int:
    """Bytes: "8GB", "8 G", "500 MB", "7.5GiB".

    Raises   InputError if it is no size
    """
    size = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(I?)B?\s*", text.upper())
    if not size:
        raise InputError(f"--memory needs a size such as 8GB or 500MB, got {text!r}")
    number, unit, binary = size.groups()
    return int(float(number) * (2 ** (10 * "KMGT".index(unit) + 10) if binary and unit else UNITS[unit]))


def available() -> int:
    """Bytes that are free on this machine, or in the container this runs in."""
    free = []
    meminfo = read("/proc/meminfo")
    if line := re.search(r"^MemAvailable:\s+(\d+) kB", meminfo, re.MULTILINE):
        free.append(int(line[1]) * 1024)
    limit, used = read("/sys/fs/cgroup/memory.max").strip(), read("/sys/fs/cgroup/memory.current").strip()
    if limit.isdecimal() and used.isdecimal():
        cached = re.search(r"^inactive_file (\d+)$", read("/sys/fs/cgroup/memory.stat"), re.MULTILINE)
        free.append(int(limit) - int(used) + (int(cached[1]) if cached else 0))
    return min(free, default=8 * UNITS["G"])


def read(path: str) -> str:
    """The text of a system file; empty where there is none."""
    try:
        return Path(path).read_text(encoding="ascii")
    except OSError:
        return ""


def comparison_memory(model: nn.Module, x: Tensor) -> int:
    """Bytes of a comparison with this network: weights that both share, gradients of one, activations of a training step.

    Shapes   model and x on the meta device, where the step costs nothing
    """
    weights = {place(p): p.nbytes for p in model.parameters()}
    saved = kept_bytes(model.train(), x)
    return 2 * sum(weights.values()) + max(weights.values(), default=0) + saved.total() + ASIDE


def human(size: int) -> str:
    """Bytes in words: 8.0 GB."""
    return f"{size / UNITS['G']:.1f} GB"
