"""How a network is computed here: on which device, in which precision, by how many threads.

A thread whose core another program takes is waited for at every operation, so that two threads on a busy machine of two cores
are slower than one, up to ten times; and bf16 slows some networks where the processor has it. So a short measurement decides.
"""

import logging
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

import torch
from torch import Tensor, nn

from ..anatomy.speed import wait
from ..data import Data
from ..errors import InputError
from ..ops.conv import prepare_layout
from ..ops.mode import eval_mode
from .hardware import autocast, choose_device, possible_precisions
from .recipe import Recipe
from .record import Run
from .task import Loss

FEW = 32  # images; the work on so few is done before a measurement would be
FIRST = 4  # images of the step that shows how long one takes
STEP = 0.3  # seconds that a measured step takes at most, about: a larger batch is cut
TURN = 0.03  # seconds that an option is measured for before the next one gets its turn, at least
TURNS = 5  # the first of which is cold: kernels are chosen, memory is asked for
HOPELESS, SLOW = 3.0, 1.5  # times the best: slower options get no further turn after one or two, after more of them
LONGEST, SHARE = 0.5, 0.1  # seconds, and share of the work: after them no further turn begins

T = TypeVar("T")
Work = Callable[[int], Callable[[str], object]]
"""For a number of images, a function that computes once with so many in a precision."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What a network is computed on and how."""

    device: str
    precision: str
    threads: int

    def notes(self) -> tuple[str, ...]:
        """One line if fewer threads compute than could."""
        most = torch.get_num_threads()
        return (f"{self.threads} of {most} threads: the fastest in a short measurement",) if self.threads < most else ()


def check_machine(device: str, precision: str, threads: int | None) -> None:
    """Raises InputError for a device that this machine lacks, a precision that it lacks, or more threads than cores."""
    possible_precisions(precision, choose_device(device))
    cores = count_cores()
    if threads is not None and not 1 <= threads <= cores:
        raise InputError(f"--threads needs to be auto or 1 to {cores}, the cores of this machine, got {threads}")


def count_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def use_threads(count: int) -> Iterator[None]:
    """PyTorch computes with so many threads for as long as the block runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def options_of(device: str, precision: str, threads: int | None) -> list[Machine]:
    """What there is to choose from where `auto` or None leaves a choice, most threads first.

    PyTorch's number of threads, which the user may have set, is the most that are tried; then half of them, and one.

    Raises   InputError for an unknown precision
    """
    most = torch.get_num_threads()
    counts = [threads] if threads else sorted({most, max(1, most // 2), 1}, reverse=True) if device == "cpu" else [most]
    return [Machine(device, kind, count) for kind, count in product(possible_precisions(precision, device), counts)]


def machine_of_run(run: Run) -> Machine | None:
    """How a run that has begun was computed, so that it goes on in the same bits; None for one that has not."""
    if not run.begun or not (run.path / "env.json").is_file():
        return None
    known = run.environment
    if not {"device", "precision", "threads"} <= known.keys() or choose_device(run.recipe.device) != known["device"]:
        return None
    return Machine(known["device"], known["precision"], min(known["threads"], count_cores()))


def machine_to_train(net: nn.Module, data: Data, recipe: Recipe, side: int, loss: Loss) -> Machine:
    """The fastest way to train a network; its weights, buffers and gradients and all random numbers stay as they were.

    The network is moved to its device and layout.

    Raises   InputError for a device or a precision that this machine lacks
    """
    device = choose_device(recipe.device)
    layout = prepare_layout(net.to(device), recipe.channels_last)

    def work(n: int) -> Callable[[str], object]:
        x = torch.randn(n, data.channels, side, side, device=device).contiguous(memory_format=layout)
        y = data.train.targets.take(torch.arange(n) % len(data.train)).to(device)

        def step(precision: str) -> None:
            with autocast(precision, device):
                parts = loss(net, x, y)
            torch.autograd.backward(list(parts.values()))
            for parameter in net.parameters():
                parameter.grad = None

        return step

    options = options_of(device, recipe.precision, recipe.threads)
    with leave_unchanged(net.buffers(), device):
        return fastest_machine(options, work, recipe.batch_size, recipe.epochs * len(data.train))


@contextmanager
def leave_unchanged(tensors: Iterable[Tensor], device: str) -> Iterator[None]:
    """Puts tensors and random numbers back when the block ends.

    Shapes   any
    """
    before = [(tensor, tensor.clone()) for tensor in tensors]
    with torch.random.fork_rng(devices=range(torch.cuda.device_count()) if device == "cuda" else ()):
        try:
            yield
        finally:
            with torch.no_grad():
                for tensor, value in before:
                    tensor.copy_(value)


def machine_to_evaluate(
    model: nn.Module, size: tuple[int, int, int], batch_size: int, images: int, *,
    device: str = "cpu", precision: str = "32", threads: int | None = None,
) -> Machine:  # fmt: skip
    """The fastest way to run a network over images, on the device where it lies.

    Shapes   size is (channels, height, width)
    Raises   InputError for a precision or a number of threads that this machine lacks
    """
    check_machine(device, precision, threads)

    def work(n: int) -> Callable[[str], object]:
        x = torch.randn(n, *size, device=device).contiguous(memory_format=torch.channels_last)

        def run(kind: str) -> None:
            with torch.inference_mode(), autocast(kind, device):
                model(x)

        return run

    with eval_mode(model), leave_unchanged((), device):
        return fastest_machine(options_of(device, precision, threads), work, batch_size, images)


@contextmanager
def fit_threads(
    model: nn.Module, size: tuple[int, int, int], batch_size: int, images: int, *, threads: int | None = None
) -> Iterator[None]:
    """Runs a block with the threads, or the number that a short measurement finds fastest for the network on so many images.

    Fewer than there are is logged. On an accelerator nothing is measured.

    Shapes   size is (channels, height, width)
    Raises   InputError for more threads than there are cores
    """
    device = next((tensor.device.type for tensor in model.state_dict().values()), "cpu")
    machine = machine_to_evaluate(model, size, batch_size, images, device=device, threads=threads)
    if not threads:
        for note in machine.notes():
            logging.getLogger(__name__).warning(note)
    with use_threads(machine.threads):
        yield


def fastest_machine(options: Sequence[Machine], work: Work, batch_size: int, images: int) -> Machine:
    """The option that takes the least time for batches of such work; without a choice, or for few images, the first one."""
    if len(options) == 1 or images <= FEW:
        return options[0]
    simple = min(options, key=lambda option: (option.precision != "32", option.threads))

    def seconds_of(once: Callable[[str], object], option: Machine) -> float:
        return seconds_a_time(lambda: once(option.precision), option)

    first = work(min(FIRST, batch_size))
    with use_threads(torch.get_num_threads()):
        of_one = min(seconds_of(first, simple) for _ in range(2)) / min(FIRST, batch_size)
        count = max(min(batch_size, int(STEP / of_one)), min(FIRST, batch_size))
        once = work(count)
        return fastest(options, lambda option: seconds_of(once, option), min(LONGEST, SHARE * images * of_one))


def seconds_a_time(once: Callable[[], object], machine: Machine) -> float:
    """Mean seconds of a computation with the machine's threads, which is repeated until they are long enough to tell."""
    torch.set_num_threads(machine.threads)
    device, times = torch.device(machine.device), 0
    wait(device)
    began = time.perf_counter()
    while not times or time.perf_counter() - began < TURN:
        once()
        times += 1
        wait(device)
    return (time.perf_counter() - began) / times


def fastest(options: Sequence[T], seconds_of: Callable[[T], float], longest: float = math.inf) -> T:
    """The option with the least mean time, taken in turns; those that are clearly slower get no further turn.

    The mean counts, not the shortest time: on a busy machine the moments in which nobody waits are the exception.

    Units    seconds
    """
    left = list(options)
    times: dict[T, list[float]] = {option: [] for option in options}
    means: dict[T, float] = {}
    for turn in range(TURNS):
        for option in left:
            times[option].append(seconds_of(option))
            warm = times[option][1:] or times[option]
            means[option] = sum(warm) / len(warm)
        best = min(means[option] for option in left)
        left = [option for option in left if means[option] <= (SLOW if turn > 1 else HOPELESS) * best]
        if len(left) == 1 or sum(map(sum, times.values())) >= longest:
            break
    return min(left, key=lambda option: means[option])
