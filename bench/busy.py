"""Is the chosen number of threads right on a busy machine? Training with one thread, all, and auto beside busy neighbors.

Trains   `convatlas.engine.train` on random images of the size of the digits, two epochs, the second of which counts
Beside   0, 1 and 2 processes that do nothing but compute
Turns    one, all and auto alternate in each round, and auto chooses anew; the median of the rounds counts
Usage    python bench/busy.py [--networks …] [--neighbors 0 1 2] [--rounds 3] [--seconds 2] [--batch 128] [--markdown FILE]
Exit     0 if auto is within 10 % of the better of the two in every cell, 1 otherwise
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import torch

from convatlas.anatomy.load import CoreTime
from convatlas.data import Augment, Data, Resident
from convatlas.engine.events import Epoch, Started
from convatlas.engine.hardware import processor
from convatlas.engine.record import Run
from convatlas.engine.train import train
from convatlas.models import create_model, variant
from convatlas.recipes import default

SIDE = 8  # of the digits
LEAST = 0.9
WAYS = {"one": 1, "all": torch.get_num_threads(), "auto": None}


class Pace(NamedTuple):
    """Images per second, how many threads there were, and the seconds before the first step."""

    rate: float
    threads: int
    start: float


def pace(name: str, images: int, batch: int, way: str) -> Pace:
    """A training of two epochs."""
    x = torch.randint(256, (images, 1, SIDE, SIDE), dtype=torch.uint8)
    set_ = Resident(x, torch.randint(10, (images,)))
    test = Resident(x[:batch], torch.randint(10, (batch,)))
    data = Data(
        "random", "Random images", tuple("0123456789"), 1, (SIDE, SIDE), set_, None, test, (0.5,), (0.5,), Augment(), ()
    )  # fmt: skip
    side = variant(name).native.fitting_size(SIDE)
    recipe = default(name, "digits", epochs=2, batch_size=batch, threads=WAYS[way])
    model = create_model(name, num_classes=10, in_channels=1, image_size=side)
    start, rates = 0.0, []
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(Path(folder) / "run", recipe)
        began = time.perf_counter()
        for event in train(model, data, recipe, run, side):
            if isinstance(event, Started):
                start = time.perf_counter() - began
            elif isinstance(event, Epoch):
                rates.append(event.images_per_second)
        return Pace(rates[1], run.environment["threads"], start)


@contextmanager
def neighbors(count: int) -> Iterator[None]:
    """So many other processes compute for as long as the block runs."""
    with ExitStack() as stack:
        for _ in range(count):
            process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(process.wait)
            stack.callback(process.kill)
        yield


def cell(name: str, beside: int, rounds: int, seconds: float, batch: int) -> tuple[str, bool]:
    """A row of the table, and whether auto is near the better one."""
    paces: dict[str, list[Pace]] = {way: [] for way in WAYS}
    with neighbors(beside):
        images = max(2, round(seconds * pace(name, 2 * batch, batch, "one").rate / batch)) * batch
        for _ in range(rounds):
            for way, taken in paces.items():
                taken.append(pace(name, images, batch, way))
    one, every, auto = (statistics.median(each.rate for each in paces[way]) for way in WAYS)
    chosen = ", ".join(str(each.threads) for each in paces["auto"])
    extra = statistics.median(a.start - b.start for a, b in zip(paces["auto"], paces["one"], strict=True))
    ratio = auto / max(one, every)
    row = f"| {name} | {beside} | {one:,.0f} | {every:,.0f} | {auto:,.0f} | {chosen} | {extra:.2f} | {ratio:.2f} |"
    return row, ratio >= LEAST


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["lenet5", "resnet20", "resnet18"])
    parser.add_argument("--neighbors", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of an epoch, about, with one thread")
    parser.add_argument("--batch", type=int, default=128, help="images")
    parser.add_argument("--markdown", type=Path, help="also write the table here")
    options = parser.parse_args()
    if WAYS["all"] == 1:
        sys.exit("with one thread there is nothing to choose: unset OMP_NUM_THREADS")
    before = CoreTime.now()
    time.sleep(1)
    load = before.other_load() if before else None
    busy = "" if load is None else f"; before, other programs took {100 * load:.0f} % of the cores"
    head = f"{processor('cpu')}, {WAYS['all']} threads at most, torch {torch.__version__}, batch {options.batch}{busy}"
    rows = [
        "| network | busy neighbors | one thread, images/s | all | auto | chose | choosing, s | auto / better |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    print("\n".join([head, "", *rows]), flush=True)
    good = True
    for name in options.networks:
        for beside in options.neighbors:
            row, near = cell(name, beside, options.rounds, options.seconds, options.batch)
            good &= near
            rows.append(row)
            print(row, flush=True)
    if options.markdown:
        options.markdown.write_text("\n".join([head, "", *rows, ""]), encoding="utf-8")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
