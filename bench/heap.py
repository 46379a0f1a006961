"""What does keeping freed memory save? Steps and passes with glibc's own rule, and with `ops.malloc.keep_freed_memory`.

    python bench/heap.py [--networks mobilenet_v2 resnet18 resnet20] [--rounds 5] [--markdown FILE]

Step     forward, loss, backward and SGD on random images: 32 of 224 pixels, or 128 of 32 for networks of small images
Pass     the same images in evaluation mode, without gradients
Both     channels last, in the precision that training takes, PyTorch's default threads; each contestant is a process of its
         own, warmed by five steps and five passes, and waits while the other has its turn; the order alternates
Ratio    the median over rounds of the seconds of the default divided by those with kept memory
MiB      the most that the process held
"""

import argparse
import platform
import resource
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy

from convatlas import create_model, model_info
from convatlas.engine.hardware import autocast, possible_precisions, processor
from convatlas.ops.malloc import keep_freed_memory
from convatlas.ops.mode import eval_mode

REPEATED = 4  # steps of a turn
KINDS = ("step", "pass")


def serve(pipe: Connection, name: str, keep: bool) -> None:
    with keep_freed_memory() if keep else nullcontext():
        work = worked(name)
        for kind in KINDS:
            work[kind]()
        while (kind := pipe.recv()) is not None:
            began = time.perf_counter()
            for _ in range(REPEATED):
                work[kind]()
            pipe.send((time.perf_counter() - began) / REPEATED)
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def worked(name: str) -> dict[str, Callable[[], None]]:
    """A training step and a forward pass."""
    torch.manual_seed(0)
    side = model_info(name).image_size
    model = create_model(name).to(memory_format=torch.channels_last).train()
    x = torch.randn(32 if side > 64 else 128, 3, side, side).contiguous(memory_format=torch.channels_last)
    y = torch.zeros(len(x), dtype=torch.int64)
    optimizer = torch.optim.SGD(model.parameters(), 1e-4)
    precision = possible_precisions("auto", "cpu")[-1]

    def step() -> None:
        with autocast(precision, "cpu"):
            loss = cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    def once() -> None:
        with eval_mode(model), torch.inference_mode(), autocast(precision, "cpu"):
            model(x)

    return {"step": step, "pass": once}


class Contestant:
    """A contestant in a process of its own; `serve` is its other end."""

    def __init__(self, name: str, keep: bool) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, name, keep))
        self.process.start()
        theirs.close()  # so that its death is noticed
        for kind in KINDS:
            self.turn(kind)

    def turn(self, kind: str) -> float:
        self.pipe.send(kind)
        return self.pipe.recv()

    def leave(self) -> float:
        """Peak memory of the process in MiB."""
        self.pipe.send(None)
        most = self.pipe.recv()
        self.process.join()
        return most


def rows(name: str, rounds: int) -> list[str]:
    pair = [Contestant(name, keep) for keep in (False, True)]
    seconds = {kind: ([], []) for kind in KINDS}
    for number in range(rounds):
        for kind in KINDS:
            for place in (0, 1) if number % 2 == 0 else (1, 0):
                seconds[kind][place].append(pair[place].turn(kind))
    most = [one.leave() for one in pair]
    lines = []
    for kind, (without, kept) in seconds.items():
        ratios = [a / b for a, b in zip(without, kept, strict=True)]
        middle = [1000 * statistics.median(each) for each in (without, kept)]
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        lines.append(f"| {name} | {kind} | {middle[0]:,.0f} | {middle[1]:,.0f} | {spread} | {most[0]:,.0f} | {most[1]:,.0f} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["mobilenet_v2", "resnet18", "resnet20"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--markdown", type=Path, help="also write the table here")
    options = parser.parse_args()
    precision, versions = possible_precisions("auto", "cpu")[-1], f"{' '.join(platform.libc_ver())}, torch {torch.__version__}"
    lines = [
        f"{processor('cpu')}, {torch.get_num_threads()} threads, {precision}, {versions}, {options.rounds} rounds.",
        "",
        "| network | | default, ms | kept, ms | default / kept | default, MiB | kept, MiB |",
        "|---|---|---:|---:|---:|---:|---:|",
        *(line for name in options.networks for line in rows(name, options.rounds)),
    ]
    text = "\n".join([*lines, ""])
    print(text, end="")
    if options.markdown:
        options.markdown.write_text(text)


if __name__ == "__main__":
    main()
