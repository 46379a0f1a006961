import ctypes
import os
import resource
import subprocess
import sys

import pytest
import torch

from convatlas.ops import malloc
from convatlas.ops.malloc import keep_freed_memory

glibc = pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", ()), reason="without glibc")

# Four times the activations of a step: the share of their pages that was asked of the system, and MiB that stay.
STEPS = """
import ctypes, resource
from convatlas.ops.malloc import keep_freed_memory

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
SIZES = [size * 2**20 for size in (40, 3, 1)]

def held():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20

def steps():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        activations = [libc.malloc(size) for size in SIZES]
        for place, size in zip(activations, SIZES):
            ctypes.memset(place, 1, size)
        for place in activations:
            libc.free(place)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / (4 * sum(SIZES) / resource.getpagesize())

steps()
without, empty = steps(), held()
with keep_freed_memory():
    with keep_freed_memory():
        steps()
    kept, full = steps(), held()
print(without, kept, full - empty, held() - empty, steps())
"""


def told(**environment: str) -> list[float]:
    usual = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    found = subprocess.run(
        [sys.executable, "-c", STEPS], env=usual | environment, check=True, capture_output=True, text=True, timeout=60
    )
    return [float(word) for word in found.stdout.split()]


@glibc
def test_pages_are_asked_for_once_and_given_back_at_the_end() -> None:
    without, kept, full, after, again = told()
    assert without > 0.8
    assert kept < 0.01
    assert full > 40
    assert after < 10
    assert again > 0.8


@glibc
@pytest.mark.parametrize("setting", [{"MALLOC_MMAP_MAX_": "65536"}, {"GLIBC_TUNABLES": "glibc.malloc.mmap_max=65536"}])
def test_settings_of_the_environment_are_respected(setting: dict[str, str]) -> None:
    without, kept, full, *_ = told(**setting)
    assert without > 0.8
    assert kept > 0.8
    assert full < 10


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: pytest.fail("asked for a library"))
    with keep_freed_memory():
        assert malloc._blocks == 0


@glibc
def test_an_error_ends_the_block() -> None:
    with pytest.raises(ValueError, match="within"), keep_freed_memory():
        raise ValueError("within")
    assert malloc._blocks == 0


@glibc
def test_steps_of_a_network_take_no_new_pages() -> None:
    layer, x = torch.nn.Conv2d(3, 64, 3, padding=1), torch.rand(16, 3, 96, 96)  # 36 MiB of activations
    faults = []
    with keep_freed_memory():
        for _ in range(6):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            layer(x).relu().square().mean().backward()
            faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    assert min(faults[2:]) * resource.getpagesize() < 2**20
