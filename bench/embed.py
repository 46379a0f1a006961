"""What does embedding cost beside the bare network? Both over the same resident CIFAR-10 test images, in one process.

Bare     the forward pass of `resnet20` over batches that lie ready: normalized, float32, channels last
Ours     `convatlas.studies.embed.write_index`: bytes → batches → forward pass → vectors caught → an index on disk
Heap     freed memory stays with the process for both (`ops.malloc`)
Rounds   alternate; the ratio is that of the medians
Usage    python bench/embed.py --weights FILE --data-dir FOLDER [--images 10000] [--rounds 5]
Exit     0 if ours takes at most 1.15 times as long, 1 otherwise
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

from convatlas.data import Batches, Resident
from convatlas.engine.hardware import processor
from convatlas.ops.malloc import keep_freed_memory
from convatlas.runs.images import ImageSet, open_images
from convatlas.runs.network import NetworkRequest
from convatlas.studies.embed import BATCH, Embedder, open_embedder, write_index

ALLOWED = 1.15


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True, help="resnet20's weights for CIFAR-10")
    parser.add_argument("--data-dir", type=Path, default=None, help="folder that holds the data sets")
    parser.add_argument("--data", default="cifar10", help="cifar10, or an .npz of it")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    embedder = open_embedder(NetworkRequest("resnet20", options.weights, data_dir=options.data_dir), options.data)
    whole = open_images(options.data, "test", embedder.network, options.data_dir)
    images = first(whole, options.images)
    batches = [x for x, _ in Batches(images.images, embedder.feed(BATCH, len(images))).epoch()]
    seconds: dict[str, list[float]] = {"bare": [], "ours": []}
    with keep_freed_memory():
        bare(embedder, batches[:3])
        for turn in range(options.rounds):
            for name in ("bare", "ours") if turn % 2 == 0 else ("ours", "bare"):
                seconds[name].append(bare(embedder, batches) if name == "bare" else ours(embedder, images))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    ratio = medians["ours"] / medians["bare"]
    print(f"{len(images):,} images, resnet20, batches of {BATCH}, {processor('cpu')}, {torch.get_num_threads()} threads")
    for name, values in seconds.items():
        pace = len(images) / medians[name]
        print(f"{name}  {medians[name]:.2f} s ({min(values):.2f} to {max(values):.2f}), {pace:,.0f} images/s")
    print(f"embedding takes {ratio:.3f} times as long as the bare forward pass; at most {ALLOWED} is allowed")
    return 0 if ratio <= ALLOWED else 1


def first(whole: ImageSet, count: int) -> ImageSet:
    """The first images of a set."""
    if not isinstance(whole.images, Resident):
        raise TypeError("the images of this measurement lie in memory")
    some = Resident(whole.images.x[:count], whole.images.labels[:count])
    return ImageSet(some, whole.labels[:count], whole.paths[:count], whole.classes, whole.root)


def bare(embedder: Embedder, batches: list[torch.Tensor]) -> float:
    """Seconds of the forward pass alone."""
    model = embedder.network.model
    began = time.perf_counter()
    with torch.inference_mode():
        for x in batches:
            model(x)
    return time.perf_counter() - began


def ours(embedder: Embedder, images: ImageSet) -> float:
    """Seconds from bytes to an index on disk."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        write_index(embedder, images, Path(folder) / "index.npz")
        return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
