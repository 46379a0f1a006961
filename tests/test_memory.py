"""Whatever gives up for lack of memory is known as that, and nothing else is."""

import errno

import numpy as np
import pytest
import torch

from convatlas import create_model
from convatlas.errors import InputError, OutOfMemory, explaining_memory, is_out_of_memory

TORCH = (
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(), OSError(errno.ENOMEM, "Cannot allocate memory"), RuntimeError(TORCH),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), RuntimeError("MPS backend out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"), RuntimeError("std::bad_alloc"),
        RuntimeError("unable to mmap 8 bytes from file </torch_1>: Cannot allocate memory (12)"),
        RuntimeError("Storage size calculation overflowed with sizes=[9, 9]"), ValueError("array is too big;"),
        ValueError("Maximum allowed dimension exceeded"),
    ],
)  # fmt: skip
def test_f19_every_allocator_is_understood(error):
    assert is_out_of_memory(error)
    with pytest.raises(OutOfMemory, match="out of memory here: try less"), explaining_memory("here: try less"):
        raise error


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes"), ValueError("no"), OSError(errno.EIO, "disk"), InputError("out of memory")]
)
def test_f19_nothing_else_is(error):
    assert not is_out_of_memory(error)
    with pytest.raises(type(error)), explaining_memory("here"):
        raise error


def test_f19_what_allocators_say_for_what_nobody_has():
    for size, make in (((2**62,), np.empty), ((2**40, 2**40), torch.empty), ((2**60,), torch.empty)):
        with pytest.raises((MemoryError, RuntimeError, ValueError)) as told:
            make(size)
        assert is_out_of_memory(told.value), told.value


@pytest.mark.parametrize(("name", "options"), [("lenet5", {"image_size": 10**8}), ("resnet20:width=10000000", {})])
def test_f19_a_network_that_does_not_fit_is_named(name, options):
    with pytest.raises(OutOfMemory, match=f"out of memory for {name} at "):
        create_model(name, **options)
