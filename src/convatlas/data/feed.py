"""How images are fed: two frozen values, plain numbers, so that a recipe can hold them."""

from dataclasses import dataclass
from math import isfinite

from ..errors import InputError, unknown

FITS = ("cover", "contain")
ZOOM_MARGIN = 8 / 7  # images to be zoomed are kept so much larger than the network's input: 256 for 224


@dataclass(frozen=True, slots=True)
class Augment:
    """What chance may change in a training image; the default changes nothing."""

    crop: int = 0  # pixels of zeros around the image before a random crop back to its size
    flip: bool = False  # left-right, half of the time
    cutout: int = 0  # side of the square that is blanked, in pixels of the stored image; 0 = off
    zoom: float = 1.0  # smallest share of the area a random resized crop keeps; 1 = off
    randaugment: int = 0  # strength, up to 30, of two random changes of each image; 0 = off
    trivialaugment: bool = False  # one random change of random strength of each image
    erasing: float = 0.0  # probability that a random rectangle is blanked
    mixup: float = 0.0  # alpha of the Beta distribution that images are mixed by; 0 = off
    cutmix: float = 0.0  # alpha of the Beta distribution of the area kept as others are pasted in; 0 = off

    def __post_init__(self) -> None:
        for name in ("crop", "cutout"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} needs a number of pixels, 0 or more, got {getattr(self, name)}")
        if not 0 < self.zoom <= 1:
            raise InputError(f"zoom needs a share of the area above 0 and up to 1 (1 = off), got {self.zoom}")
        if not 0 <= self.randaugment <= 30:
            raise InputError(f"randaugment needs a strength from 0 (off) to 30, got {self.randaugment}")
        if self.randaugment and self.trivialaugment:
            raise InputError("randaugment and trivialaugment exclude each other: take one of them")
        if not 0 <= self.erasing <= 1:
            raise InputError(f"erasing needs a probability from 0 (off) to 1, got {self.erasing}")
        for name in ("mixup", "cutmix"):
            alpha = getattr(self, name)
            if not (alpha >= 0 and isfinite(alpha)):
                raise InputError(f"{name} needs a number, 0 (off) or more, as the Beta distribution's alpha, got {alpha}")

    @property
    def mixes(self) -> bool:
        """Whether images are mixed, and labels with them."""
        return self.mixup > 0 or self.cutmix > 0


@dataclass(frozen=True, slots=True)
class Feed:
    """One way through a set: batches of which size, in which order, changed by which augmentation."""

    batch_size: int
    image_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augment: Augment | None = None
    shuffle: bool = False
    drop_last: bool = False
    seed: int = 0
    device: str = "cpu"
    channels_last: bool = False
    workers: int | None = None  # processes that decode a streamed set; None = one a core, up to 8
    classes: int = 0  # how many the set has; only mixed labels ask for it
    balanced: bool = False  # every class equally often in each epoch, in random order
    fit: str = "cover"  # or "contain": images keep their proportions, with zeros on the right or below

    def __post_init__(self) -> None:
        for name in ("batch_size", "image_size"):
            if getattr(self, name) < 1:
                raise InputError(f"{name.replace('_', ' ')} needs to be 1 or more, got {getattr(self, name)}")
        if self.fit not in FITS:
            raise unknown("fit", self.fit, FITS)
        if self.workers is not None and self.workers < 0:
            raise InputError(f"workers needs to be 0 or more, got {self.workers}")
        if self.classes < 0:
            raise InputError(f"classes needs to be 0 or more, got {self.classes}")
        if not self.augment:
            return
        if self.augment.mixes and not self.classes:
            raise InputError("mixup and cutmix need the number of classes, for labels are mixed too: give classes")
        if (self.augment.randaugment or self.augment.trivialaugment) and len(self.mean) not in (1, 3):
            raise InputError(f"randaugment and trivialaugment need images of 1 or 3 channels, got {len(self.mean)}")
