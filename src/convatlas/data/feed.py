"""How a set is split and fed: frozen values of plain numbers, so that a recipe can hold them."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import InputError, unknown_name
from ..ranges import check_ranges, limited_field, within

if TYPE_CHECKING:
    from .arrays import Labels
    from .deal import Groups

FITS = ("cover", "contain")
WHITE = 65535  # the level of a file of 16 bits that becomes 255
ZOOM_MARGIN = 8 / 7  # images to be zoomed are kept so much larger than the network's input: 256 for 224


@dataclass(frozen=True, slots=True)
class Split:
    """How a set is split; `split_seed` draws validation images, nothing ever moves a test image."""

    val_share: float = field(metadata=within(at_least=0, below=1))
    split_seed: int = field(metadata=within(at_least=0, below=2**31))
    limit: int | None = field(metadata=within(at_least=1))
    folds: int | None = limited_field(None, at_least=2)
    fold: int = limited_field(0, at_least=0)
    group_by: str | None = None  # a column of a table, or a regular expression of paths: whose images are never split

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.fold >= (self.folds or 1):
            which = f"0 to {self.folds - 1} of {self.folds} folds" if self.folds else "0 without folds"
            raise InputError(f"fold needs to be {which}, got {self.fold}")

    def train_and_val(
        self, labels: "Labels", classes: tuple[str, ...], split_val: bool = True, groups: "Groups" = None
    ) -> tuple["Labels", "Labels"]:
        """The training and the validation images among those of the training part; none of the latter unless `split_val`.

        Shapes   labels (n,) or (n, classes) of 0 and 1, groups (n,) → indices, ascending
        Raises   InputError if a class has fewer images than there are folds, or the limit is below the number of classes
        """
        from .splits import check_folds, fold_of, limit_images, split_off

        some = limit_images(labels, self.limit, self.split_seed)
        own = groups[some] if groups is not None else None
        if self.folds:
            if labels.ndim == 1 and own is None:
                check_folds(labels[some], classes, self.folds)
            held_out = fold_of(labels[some], self.folds, self.split_seed, own) == self.fold
            return some[~held_out], some[held_out]
        train, val = split_off(labels[some], self.val_share if split_val else 0, self.split_seed, own)
        return some[train], some[val]

    def test(self, labels: "Labels") -> "Labels":
        """The images among those of a part that has its own folder or file: the same for every seed.

        Shapes   labels (n,) → indices, ascending
        """
        from .splits import TEST_SEED, limit_images

        return limit_images(labels, self.limit, TEST_SEED)


@dataclass(frozen=True, slots=True)
class Augment:
    """What chance may change in a training image; the default changes nothing."""

    crop: int = limited_field(0, at_least=0)  # pixels of zeros around the image before a random crop back to its size
    flip: bool = False  # left-right, half of the time
    cutout: int = limited_field(0, at_least=0)  # side of the square that is blanked, in pixels of the stored image; 0 = off
    zoom: float = limited_field(1.0, above=0, at_most=1)  # smallest share of the area a random resized crop keeps; 1 = off
    randaugment: int = limited_field(0, at_least=0, at_most=30)  # strength of two random changes of each image; 0 = off
    trivialaugment: bool = False  # one random change of random strength of each image
    erasing: float = limited_field(0.0, at_least=0, at_most=1)  # probability that a random rectangle is blanked
    mixup: float = limited_field(0.0, at_least=0)  # alpha of the Beta distribution that images are mixed by; 0 = off
    cutmix: float = limited_field(0.0, at_least=0)  # alpha of the Beta distribution of the area that stays; 0 = off

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.randaugment and self.trivialaugment:
            raise InputError("randaugment and trivialaugment exclude each other: take one of them")

    @property
    def mixes(self) -> bool:
        """Whether images are mixed, and labels with them."""
        return self.mixup > 0 or self.cutmix > 0


@dataclass(frozen=True, slots=True)
class Feed:
    """One way through a set: batches of which size, in which order, changed by which augmentation."""

    batch_size: int = field(metadata=within(at_least=1))
    image_size: int = field(metadata=within(at_least=1))
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augment: Augment | None = None
    shuffle: bool = False
    drop_last: bool = False
    seed: int = 0
    device: str = "cpu"
    channels_last: bool = False
    workers: int | None = limited_field(None, at_least=0)  # processes that decode a streamed set; None = one a core, up to 8
    classes: int = limited_field(0, at_least=0)  # how many the set has; only mixed labels ask for it
    balanced: bool = False  # every class equally often in each epoch, in random order
    fit: str = "cover"  # or "contain": images keep their proportions, with zeros on the right or below

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.fit not in FITS:
            raise unknown_name("fit", self.fit, FITS)
        if not self.augment:
            return
        if self.augment.mixes and not self.classes:
            raise InputError("mixup and cutmix need the number of classes, for labels are mixed too: give classes")
        if (self.augment.randaugment or self.augment.trivialaugment) and len(self.mean) not in (1, 3):
            raise InputError(f"randaugment and trivialaugment need images of 1 or 3 channels, got {len(self.mean)}")
