"""Does streaming need constant memory? A folder of JPEGs, decoded by workers for some epochs; memory and processor use.

Usage    python bench/stream.py [--images 20000] [--epochs 4] [--image-size 64] [--batch-size 128] [--workers N]
Exit     0 if memory in the last epoch is at most 10 % above the first, 1 otherwise
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import cross_entropy

from convatlas.data import Batches, Feed, load

CLASSES = 10
TOLERANCE = 1.1
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--workers", type=int, default=None)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        make_folder(Path(folder), options.images)
        print(f"{options.images:,} JPEGs made in {time.perf_counter() - start:.0f} s; {cores()} cores, {processor()}")
        data = load(folder, image_size=options.image_size, val_share=0, resident_share=0)
        feed = Feed(
            options.batch_size, options.image_size, data.mean, data.std, data.augment, shuffle=True, drop_last=True,
            workers=options.workers,
        )  # fmt: skip
        peaks = run(Batches(data.train, feed), options.epochs)
    growth = peaks[-1] / peaks[0] - 1
    flat = peaks[-1] <= TOLERANCE * peaks[0]
    print(f"memory in the last epoch against the first: {growth:+.1%}, {'flat' if flat else 'not flat'}")
    return 0 if flat else 1


def run(batches: Batches, epochs: int) -> list[float]:
    """Peak memory of each epoch in MiB."""
    net = nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=4), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, CLASSES),
    )  # fmt: skip
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    print(f"{'epoch':>5} {'images/s':>9} {'main MiB':>9} {'workers MiB':>12} {'busy, ours':>11} {'busy, each core':>16}")
    peaks = []
    for number in range(epochs):
        watch, start, images, idle = Watch(), time.perf_counter(), 0, core_idle_seconds()
        for step, (x, y) in enumerate(batches.epoch(number)):
            optimizer.zero_grad()
            cross_entropy(net(x), y).backward()
            optimizer.step()
            images += len(x)
            if step % 10 == 0:
                watch.look()
        seconds = time.perf_counter() - start
        watch.look()
        busy = f"{watch.busy() / seconds:.2f} of {cores()}"
        each = " ".join(f"{max(1 - (b - a) / seconds, 0):.0%}" for a, b in zip(idle, core_idle_seconds(), strict=True))
        sizes = f"{watch.main:>9,.0f} {watch.workers:>12,.0f}"
        print(f"{number + 1:>5} {images / seconds:>9,.0f} {sizes} {busy:>11} {each:>16}", flush=True)
        peaks.append(watch.total)
    return peaks


@dataclass
class Watch:
    """Memory and processor time of this process and its workers, from /proc."""

    main: float = 0
    workers: float = 0
    total: float = 0
    before: float | None = None
    processes: set[int] = field(default_factory=set)

    def look(self) -> None:
        self.processes = {os.getpid(), *(child.pid for child in multiprocessing.active_children() if child.pid)}
        here = resident(os.getpid())
        below = sum(resident(process) for process in self.processes) - here
        self.main, self.workers = max(self.main, here), max(self.workers, below)
        self.total = max(self.total, here + below)
        if self.before is None:
            self.before = sum(map(processor_seconds, self.processes))

    def busy(self) -> float:
        return sum(map(processor_seconds, self.processes)) - (self.before or 0)


def resident(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def processor_seconds(process: int) -> float:
    user, system = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / TICKS


def core_idle_seconds() -> list[float]:
    """Busy time of each core of the machine, by all processes."""
    lines = [line.split() for line in Path("/proc/stat").read_text().splitlines() if line.startswith("cpu")]
    return [(int(fields[4]) + int(fields[5])) / TICKS for fields in lines[1:]]


def cores() -> int:
    return len(os.sched_getaffinity(0))


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown processor")


def make_folder(root: Path, images: int) -> None:
    """Smooth random images of 160x120 to 320x240, a tenth in each class; the class decides the tint."""
    for part in ("train", "test"):
        for label in range(CLASSES):
            (root / part / f"class{label}").mkdir(parents=True)
    with multiprocessing.Pool(cores()) as pool:
        pool.starmap(make_picture, ((root / "train", number) for number in range(images)), chunksize=200)
    for number in range(CLASSES):
        make_picture(root / "test", number)


def make_picture(root: Path, number: int) -> None:
    rng = np.random.default_rng(number)
    label, width = number % CLASSES, int(rng.integers(160, 321))
    coarse = rng.integers(0, 200, (6, 8, 3)) + np.array([label * 5, 0, 50 - label * 5])
    picture = Image.fromarray(coarse.astype(np.uint8)).resize((width, width * 3 // 4), Image.Resampling.BICUBIC)
    picture.save(root / f"class{label}" / f"{number:06}.jpg", quality=85)


if __name__ == "__main__":
    sys.exit(main())
