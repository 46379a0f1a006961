"""What the machine offers: devices, precisions, its name."""

import platform
import re
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from .. import __version__
from ..errors import InputError, unknown_name
from .recipe import PRECISIONS

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def choose_device(wanted: str) -> str:
    """The kind of a device: `auto` takes the first GPU there is, else the CPU; `cuda:1` makes that GPU the current one.

    Raises   InputError for a device this machine lacks
    """
    has = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if has[name])
    if number := re.fullmatch(r"cuda:([0-9]{1,4})", wanted):
        choose_gpu(int(number[1]))
        return "cuda"
    if wanted not in has:
        raise unknown_name("device", wanted, ["auto", *has, "cuda:0"])
    if not has[wanted]:
        raise InputError(f"--device {wanted} is not available here: use --device auto")
    return wanted


def choose_gpu(number: int) -> None:
    """Makes a GPU, counted from 0, the one that `cuda` means from now on.

    Raises   InputError if there is no such GPU
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if number >= gpus:
        there = f"there is {'one GPU, cuda:0' if gpus else 'no GPU: use --device auto'}"
        several = f"there are {gpus} GPUs, cuda:0 to cuda:{gpus - 1}"
        raise InputError(f"--device cuda:{number} is not here: {several if gpus > 1 else there}")
    torch.cuda.set_device(number)


def possible_precisions(wanted: str, device: str) -> tuple[str, ...]:
    """The precision that is wanted, or for `auto` those that the processor computes natively: 32, and bf16 where it has it.

    Raises   InputError for an unknown one, and for fp16 on a CPU, which would be slower and less exact than either
    """
    if wanted not in PRECISIONS:
        raise unknown_name("precision", wanted, PRECISIONS)
    if wanted == "auto":
        return ("32", "bf16") if has_bf16(device) else ("32",)
    if wanted == "fp16" and device == "cpu":
        raise InputError("--precision fp16 needs a GPU: use bf16 or 32 on a CPU")
    return (wanted,)


def has_bf16(device: str) -> bool:
    """True if bf16 products run in hardware."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device == "cpu":
        flags = cpuinfo("flags") or cpuinfo("Features")
        return any(flag in flags.split() for flag in ("avx512_bf16", "amx_bf16", "bf16"))
    return False


def cpuinfo(key: str) -> str:
    """The first value of a key in Linux's list of processors, an empty string elsewhere."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")


def autocast(precision: str, device: str) -> AbstractContextManager[Any]:
    """Mixed precision for evaluation; nothing for 32."""
    if precision == "32":
        return nullcontext()
    return torch.autocast(device, DTYPES[precision])


def processor(device: str) -> str:
    """The name people know the processor by."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return cpuinfo("model name") or platform.processor() or platform.machine()


def environment(device: str, precision: str, threads: int | None = None) -> dict[str, Any]:
    """What else a number depends on: versions, processor, threads."""
    return {
        "convatlas": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": version("torchvision"),
        "platform": platform.platform(),
        "processor": processor(device),
        "threads": threads or torch.get_num_threads(),
        "device": device,
        "precision": precision,
    }
