"""How images are fed: two frozen values, plain numbers, so that a recipe can hold them."""

from dataclasses import dataclass

from ..errors import InputError

ZOOM_MARGIN = 8 / 7  # images to be zoomed are kept so much larger than the network's input: 256 for 224


@dataclass(frozen=True, slots=True)
class Augment:
    """What chance may change in a training image; the default changes nothing."""

    crop: int = 0  # pixels of zeros around the image before a random crop back to its size
    flip: bool = False  # left-right, half of the time
    cutout: int = 0  # side of the square that is blanked, in pixels of the stored image; 0 = off
    zoom: float = 1.0  # smallest share of the area a random resized crop keeps; 1 = off

    def __post_init__(self) -> None:
        for name in ("crop", "cutout"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} needs a number of pixels, 0 or more, got {getattr(self, name)}")
        if not 0 < self.zoom <= 1:
            raise InputError(f"zoom needs a share of the area above 0 and up to 1 (1 = off), got {self.zoom}")


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

    def __post_init__(self) -> None:
        for name in ("batch_size", "image_size"):
            if getattr(self, name) < 1:
                raise InputError(f"{name.replace('_', ' ')} needs to be 1 or more, got {getattr(self, name)}")
        if self.workers is not None and self.workers < 0:
            raise InputError(f"workers needs to be 0 or more, got {self.workers}")
