"""Is the chosen precision right? Training steps in float32, in bf16 and in what `--precision auto` chooses.

Steps    forward, loss, backward and the recipe's optimizer on random images of 32 pixels, or of what the network needs at
         least, channels last, for the smallest network of each family; float32 and bf16 alternate, and the median counts
Auto     chooses anew before each network, as a training would
Usage    python bench/precision.py [--networks …] [--rounds 5] [--batch 32] [--markdown FILE]
Exit     0 if what auto chose is within 5 % of the faster one for every network, 1 otherwise
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from convatlas.anatomy.load import CoreTime
from convatlas.data import Augment, Data, Resident
from convatlas.engine.hardware import possible_precisions, processor
from convatlas.engine.machine import machine_to_train, use_threads
from convatlas.engine.session import Session
from convatlas.engine.tasks.classify import plain_loss
from convatlas.models import CATALOG, create_model, model_info, variant
from convatlas.ops.malloc import keep_freed_memory
from convatlas.recipes import default

SIDE = 32
LEAST = 0.95


def smallest() -> list[str]:
    """The network with the fewest multiply-accumulates of each family."""
    families: dict[str, list[str]] = {}
    for name, family in CATALOG.items():
        families.setdefault(family.title, []).append(name)
    return [min(names, key=lambda name: model_info(name).macs) for names in families.values()]


def data_for(name: str, side: int, batch: int) -> Data:
    """A few batches of random images."""
    channels = model_info(name).in_channels
    x = torch.randint(256, (4 * batch, channels, side, side), dtype=torch.uint8)
    images, half = Resident(x, torch.randint(10, (len(x),))), (0.5,) * channels
    return Data("random", "Random images", tuple("0123456789"), channels, (side, side), images, None, images, half, half,
                Augment(), ())  # fmt: skip


def step_of(name: str, data: Data, side: int, batch: int, precision: str) -> Callable[[], float]:
    """A function that trains one step and says how long it took."""
    recipe = default(name, "cifar10", batch_size=batch)
    torch.manual_seed(0)
    net = create_model(name, num_classes=10, in_channels=data.channels, image_size=side).train()
    session = Session(net, data, recipe, side, ("cpu", precision))
    session.learning.enter(0)
    x, y = next(iter(session.batches.epoch(0)))

    def seconds() -> float:
        began = time.perf_counter()
        session.step(x, y, 1e-4)
        return time.perf_counter() - began

    seconds()
    return seconds


def row(name: str, rounds: int, batch: int) -> tuple[str, bool]:
    """A row of the table, and whether auto chose well."""
    side = variant(name).native.fitting_size(SIDE)
    data = data_for(name, side, batch)
    net = create_model(name, num_classes=10, in_channels=data.channels, image_size=side).train()
    began = time.perf_counter()
    recipe = default(name, "cifar10", epochs=1000, batch_size=batch)
    machine = machine_to_train(net, data, recipe, side, plain_loss)
    took = time.perf_counter() - began
    with use_threads(machine.threads):
        steps = {precision: step_of(name, data, side, batch, precision) for precision in ("32", "bf16")}
        taken: dict[str, list[float]] = {precision: [] for precision in steps}
        for _ in range(rounds):
            for precision, seconds in steps.items():
                taken[precision].append(seconds())
    rates = {precision: batch / statistics.median(times) for precision, times in taken.items()}
    ratio = rates[machine.precision] / max(rates.values())
    words = f"{machine.precision} | {machine.threads} | {took:.2f} | {ratio:.2f}"
    return f"| {name} | {side} | {rates['32']:,.0f} | {rates['bf16']:,.0f} | {words} |", ratio >= LEAST


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", help="those to measure instead of the smallest of each family")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=32, help="images")
    parser.add_argument("--markdown", type=Path, help="also write the table here")
    options = parser.parse_args()
    has = "has" if "bf16" in possible_precisions("auto", "cpu") else "does not have"
    head = f"{processor('cpu')}, which {has} bf16; {torch.get_num_threads()} threads at most, torch {torch.__version__}, "
    head += f"batch {options.batch}"
    rows = [
        "| network | pixels | float32, images/s | bf16 | auto | threads | choosing, s | auto / faster |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    print("\n".join([head, "", *rows]), flush=True)
    before, good = CoreTime.now(), True
    with keep_freed_memory():
        for name in options.networks or smallest():
            line, near = row(name, options.rounds, options.batch)
            good &= near
            rows.append(line)
            print(line, flush=True)
    load = before.other_load() if before else None
    busy = "" if load is None else f"Other programs took {100 * load:.0f} % of the cores meanwhile."
    print(busy)
    if options.markdown:
        options.markdown.write_text("\n".join([head, "", *rows, "", busy, ""]), encoding="utf-8")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
