"""Makes the pictures of docs/gallery, each by its command in docs/gallery/pictures.csv, and the page that shows them.

    python docs/write/gallery.py                # or make gallery
    python docs/write/gallery.py saliency       # some of them

CIFAR-10 and published weights are taken from the folder of shared data (CONVATLAS_SHARED, or ../shared/data) where there
is one; elsewhere the pictures show a network that has just learned scikit-learn's digits.
"""

import csv
import io
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import __file__ as datasets

from convatlas.files import write_text

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("CONVATLAS_SHARED") or ROOT.parent / "shared" / "data")
OUT = ROOT / "docs" / "gallery"
CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()
WIDEST = 1400  # pixels of a picture in the docs
COLORS = 200  # of a picture that holds no photograph, so that it stays small


@dataclass(frozen=True)
class Entry:
    """A picture: its name, its caption, the command, and which file that writes."""

    name: str
    words: str
    command: str
    file: str


LOOK = "convatlas look resnet20 --weights resnet20_cifar10.pth --data cifar10.npz --out looks"
FALLBACK = "convatlas look digits-run --out looks"


def images(split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first images (n, 32, 32, 3) uint8 of sheets with 25 rows of 40, and their labels."""
    with zipfile.ZipFile(SHARED / "CIFAR10" / f"cifar10-{split}.zip") as archive:
        names = sorted(archive.namelist())
        files = [name for name in names if name.endswith(".webp")][: -(-count // 1000)]
        sheets = [np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB")) for name in files]
        labels = np.load(io.BytesIO(archive.read(next(name for name in names if name.endswith("labels.npy")))))
    tiles = [sheet.reshape(25, 32, 40, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3) for sheet in sheets]
    return np.concatenate(tiles)[:count], labels[:count]


def prepare(folder: Path) -> bool:
    """The files that the commands name; whether CIFAR-10 is among them."""
    shutil.copy(Path(datasets).parent / "images" / "china.jpg", folder)
    run(folder, "convatlas train lenet5 --data digits --epochs 12 --out digits-run --quiet")
    if not (SHARED / "CIFAR10").is_dir():
        return False
    for name in ("resnet20_cifar10", "mobilenet_v2_imagenet"):
        shutil.copy(SHARED / "weights" / f"{name}.pth", folder)
    (x, y), (x_test, y_test) = images("train", 10_000), images("test", 10_000)
    np.savez(folder / "cifar10.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test, classes=np.array(CLASSES))
    return True


def run(folder: Path, command: str) -> None:
    print(f"$ {command}", flush=True)
    subprocess.run([sys.executable, "-m", *shlex.split(command)], cwd=folder, check=True)


def shrink(source: Path, target: Path) -> None:
    """A PNG as small as a page needs it."""
    picture = Image.open(source).convert("RGB")
    if picture.width > WIDEST:
        picture = picture.resize((WIDEST, round(picture.height * WIDEST / picture.width)), Image.Resampling.LANCZOS)
    picture.quantize(COLORS, dither=Image.Dither.NONE).save(target, optimize=True)


def entries() -> list[Entry]:
    with (OUT / "pictures.csv").open(encoding="utf-8", newline="") as file:
        return [Entry(**row) for row in csv.DictReader(file)]


def page(made: list[Entry]) -> Iterator[str]:
    yield "# The gallery\n\nNetworks trained on real images, each picture with its command. Written by `make gallery`."
    yield (
        "\n`cifar10.npz` holds CIFAR-10's test images and the first 10,000 training images, `resnet20_cifar10.pth` published "
        "weights; `--data cifar10` takes the whole set.\n"
    )
    for entry in made:
        yield f"## {entry.name.capitalize().replace('-', ' ')}\n\n{entry.words}\n\n![{entry.words}]({entry.name}.png)\n"
        yield f"```console\n$ {entry.command}\n```\n"


def main() -> None:
    made = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        whole = prepare(folder)
        done = set()
        for entry in entries():
            made.append(entry)
            if sys.argv[1:] and entry.name not in sys.argv[1:]:
                continue
            command = entry.command if whole else entry.command.replace(LOOK, FALLBACK).replace(" --data cifar10.npz", "")
            if "mobilenet_v2_imagenet" in command and not whole:
                continue
            if command not in done:
                run(folder, command)
                done.add(command)
            shrink(folder / entry.file, OUT / f"{entry.name}.png")
    if whole:
        write_text(OUT / "README.md", "\n".join(page(made)))


if __name__ == "__main__":
    main()
