"""How fast is our training loop? The plain loop of tutorials beside ours: same process, network, images and batch size.

Plain    a DataLoader whose data set applies ToTensor and Normalize to each image, float32, Adam, loss.item() every step; with
         0 and with 2 workers, and the faster of the two counts
Ours     `convatlas.engine.train` with its defaults: layout, precision and threads that it chooses, AdamW or SGD as the recipe
         says; without augmentation, as the plain loop has none
Usage    python bench/train_loop.py [--networks lenet5 resnet18] [--seconds 20] [--rounds 3] [--markdown FILE]
Exit     0 if ours is at least three times as fast for every network with at most 1.2 times the memory, 1 otherwise
"""

import argparse
import gc
import statistics
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from convatlas.anatomy.load import CoreTime
from convatlas.data import Augment, Data, Resident
from convatlas.engine.events import Epoch
from convatlas.engine.hardware import processor
from convatlas.engine.record import Run
from convatlas.engine.train import train
from convatlas.models import create_model, model_info
from convatlas.recipes import default

BATCH = 128
SIDE = 32
FASTER, MORE_MEMORY = 3.0, 1.2


class Pictures(Dataset[tuple[Tensor, int]]):
    """PIL images, transformed one at a time, as in torchvision's data sets."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x = x.permute(0, 2, 3, 1).squeeze(-1).numpy()
        self.y = y.tolist()
        mean = (0.5,) * x.shape[1]
        self.transform = v2.Compose([v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, mean)])

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.x[i])), self.y[i]


@dataclass(frozen=True)
class Pace:
    """Images per second, the peak memory of the process, and what they were computed in."""

    rate: float
    mebibytes: float
    machine: str = ""


def plain(name: str, x: Tensor, y: Tensor, workers: int) -> Pace:
    """One epoch of the loop that tutorials show."""
    model = network(name, x)
    loader = DataLoader(Pictures(x, y), BATCH, shuffle=True, num_workers=workers)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    forget_peak()
    running, seen, began = 0.0, 0, 0.0
    for step, (images, labels) in enumerate(loader):
        if step == 1:  # the first step warms up, for both loops
            began = time.perf_counter()
        optimizer.zero_grad()
        loss = cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        running += loss.item()
        seen += len(labels) if step else 0
    return Pace(seen / (time.perf_counter() - began), peak())


def ours(name: str, x: Tensor, y: Tensor) -> Pace:
    """Two epochs of `engine.train`, the second of which counts."""
    c = x.shape[1]
    data = Data(
        "random", "Random images", tuple("0123456789"), c, (SIDE, SIDE), Resident(x, y), None, Resident(x[:BATCH], y[:BATCH]),
        (0.5,) * c, (0.5,) * c, Augment(), (),
    )  # fmt: skip
    recipe = default(name, "cifar10", epochs=2, batch_size=BATCH)
    model = network(name, x)
    forget_peak()
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(Path(folder) / "run", recipe)
        epochs = [event for event in train(model, data, recipe, run, SIDE) if isinstance(event, Epoch)]
        used = run.environment
    return Pace(epochs[1].images_per_second, peak(), f"{used['precision']}, {used['threads']}")


def network(name: str, x: Tensor) -> nn.Module:
    """The network, with the same initial weights for both."""
    torch.manual_seed(0)
    return create_model(name, num_classes=10, in_channels=x.shape[1], image_size=SIDE).train()


def forget_peak() -> None:
    """Reset the peak memory of the process (Linux)."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")


def peak() -> float:
    """Peak memory of the process in MiB."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


def images(name: str, seconds: float) -> tuple[Tensor, Tensor]:
    """As many random images as the plain loop trains on in about `seconds`, at least 32 batches."""
    info = model_info(name)
    channels = info.in_channels
    probe = torch.randint(256, (4 * BATCH, channels, SIDE, SIDE), dtype=torch.uint8)
    rate = plain(name, probe, torch.zeros(len(probe), dtype=torch.int64), 0).rate
    n = max(32, round(seconds * rate / BATCH)) * BATCH
    x = torch.randint(256, (n, channels, SIDE, SIDE), dtype=torch.uint8)
    return x, torch.randint(10, (n,))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["lenet5", "resnet18"])
    parser.add_argument("--seconds", type=float, default=20.0, help="of the plain loop in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--markdown", type=Path, help="also write the table here")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message=".*pin_memory.*")
    made = f"batch {BATCH}, {SIDE}x{SIDE}"
    head = f"{processor('cpu')}, {torch.get_num_threads()} threads, {made}"
    rows = [
        "| network | plain images/s | ours images/s | ratio | plain MiB | ours MiB | ratio | ours: precision, threads |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    good, before = True, CoreTime.now()
    print(head)
    for name in options.networks:
        x, y = images(name, options.seconds)
        pairs: list[tuple[Pace, Pace]] = []
        for _ in range(options.rounds):
            a = max((plain(name, x, y, workers) for workers in (0, 2)), key=lambda pace: pace.rate)
            b = ours(name, x, y)
            pairs.append((a, b))
            print(f"{name}: plain {a.rate:,.0f}, ours {b.rate:,.0f} images/s, ratio {b.rate / a.rate:.2f}", flush=True)
        faster = statistics.median(b.rate / a.rate for a, b in pairs)
        memory = statistics.median(b.mebibytes / a.mebibytes for a, b in pairs)
        a, b = sorted(pairs, key=lambda pair: pair[1].rate / pair[0].rate)[len(pairs) // 2]
        speed = f"{a.rate:,.0f} | {b.rate:,.0f} | {faster:.2f}"
        rows.append(f"| {name} | {speed} | {a.mebibytes:,.0f} | {b.mebibytes:,.0f} | {memory:.2f} | {b.machine} |")
        good &= faster >= FASTER and memory <= MORE_MEMORY
    load = before.other_load() if before else None
    note = f"Median ratios of {options.rounds} rounds, from `python bench/train_loop.py`."
    note += "" if load is None else f" Other programs took {100 * load:.0f} % of the cores."
    print("\n".join([*rows, "", note]))
    if options.markdown:
        options.markdown.write_text("\n".join([head, "", *rows, "", note, ""]))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
