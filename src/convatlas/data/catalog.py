"""The famous sets, one row each; nothing here needs torch, so that listing them is quick."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType

from . import digits, idx, npz, pickled, stl10
from .arrays import Arrays
from .feed import Augment


@dataclass(frozen=True, slots=True)
class Source:
    """A set with a name: what is in it, under which license, and how it is found and read."""

    name: str
    title: str
    train: int
    test: int
    classes: tuple[str, ...]
    channels: int
    size: int  # pixels a side
    license: str
    home: str
    augment: Augment
    find: Callable[[Path], Path | None] = field(repr=False)
    read_files: Callable[[Path], Arrays] = field(repr=False)

    def read(self, data_dir: Path) -> Arrays:
        """The set from `NAME.npz` in the data folder if that exists, otherwise from its own files, fetched where missing."""
        packed = data_dir / f"{self.name}.npz"
        return npz.read(packed, self.classes) if packed.is_file() else self.read_files(data_dir)


def data_folder(data_dir: Path | None = None) -> Path:
    """Where sets are looked for: the folder given, else CONVATLAS_DATA, else ~/.cache/convatlas/data."""
    return Path(data_dir or os.environ.get("CONVATLAS_DATA") or Path("~/.cache/convatlas/data")).expanduser()


def on_disk(source: Source, data_dir: Path | None = None) -> Path | None:
    """The file or folder that a set would be read from, None if it would have to be downloaded."""
    folder = data_folder(data_dir)
    packed = folder / f"{source.name}.npz"
    return packed if packed.is_file() else source.find(folder)


_DIGITS = tuple("0123456789")
_CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_THINGS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_STL = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")
_HUNDRED = tuple(
    """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
    caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
    forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
    mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
    possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
    sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
    willow_tree wolf woman worm
    """.split()
)

_ROWS = (
    Source("digits", "Optical digits", 1438, 359, _DIGITS, 1, 8, "CC BY 4.0", "https://archive.ics.uci.edu/dataset/80",
           Augment(crop=1), digits.find, digits.read),
    Source("mnist", "MNIST", 60000, 10000, _DIGITS, 1, 28, "CC BY-SA 3.0", "http://yann.lecun.com/exdb/mnist/",
           Augment(crop=2), partial(idx.find, "MNIST"), partial(idx.read, "MNIST", _DIGITS)),
    Source("fashion_mnist", "Fashion-MNIST", 60000, 10000, _CLOTHES, 1, 28, "MIT",
           "https://github.com/zalandoresearch/fashion-mnist", Augment(crop=2, flip=True),
           partial(idx.find, "FashionMNIST"), partial(idx.read, "FashionMNIST", _CLOTHES)),
    Source("cifar10", "CIFAR-10", 50000, 10000, _THINGS, 3, 32, "none stated; research use",
           "https://www.cs.toronto.edu/~kriz/cifar.html", Augment(crop=4, flip=True),
           partial(pickled.find, "CIFAR10"), partial(pickled.read, "CIFAR10", _THINGS)),
    Source("cifar100", "CIFAR-100", 50000, 10000, _HUNDRED, 3, 32, "none stated; research use",
           "https://www.cs.toronto.edu/~kriz/cifar.html", Augment(crop=4, flip=True),
           partial(pickled.find, "CIFAR100"), partial(pickled.read, "CIFAR100", _HUNDRED)),
    Source("stl10", "STL-10", 5000, 8000, _STL, 3, 96, "none stated; research use",
           "https://cs.stanford.edu/~acoates/stl10/", Augment(crop=12, flip=True), stl10.find, partial(stl10.read, _STL)),
)  # fmt: skip

CATALOG: Mapping[str, Source] = MappingProxyType({row.name: row for row in _ROWS})
