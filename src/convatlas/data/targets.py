"""The target of each image: its class or several, the class of each of its pixels, or boxes around objects.

Targets move with their images: they are cropped, blanked and pasted exactly as the pixels are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from . import picture
from .geometry import IGNORED, Window, see_boxes, see_masks
from .picture import PathTable
from .picture_file import Unreadable
from .windows import Cut, Letterbox

Target = Any  # of a batch, as `take` gives it: a Tensor of class numbers or masks, or Boxes


class Targets(Protocol):
    """The targets of all images of a set."""

    task: str  # what is learned from them
    noun: str  # what they are, for errors
    moves: bool  # whether they change as the pixels move
    mixes: frozenset[str]  # the augmentations of several images that make sense for such targets

    def __len__(self) -> int: ...
    def strata(self) -> Tensor | None:
        """The class number of each image, by which a set is split evenly; None where images have none."""
        ...

    def subset(self, indices: Tensor) -> "Targets":
        """The targets of some of the images."""
        ...

    def take(self, indices: Tensor, window: Window | None = None) -> Target:
        """The targets of a batch: as stored, or where the window shows them."""
        ...

    def see(self, target: Target, window: Window) -> Target:
        """A batch of targets through the window that its images were seen through."""
        ...

    def blank(self, target: Target, hole: Tensor) -> Target:
        """A batch of targets after the pixels in the holes, bool (n, 1, h, w), were blanked."""
        ...

    def join(self, parts: Sequence[Target]) -> Target:
        """One batch of several."""
        ...


class Unmoved:
    """Targets that nothing that happens to the pixels changes."""

    def see(self, target: Tensor, window: Window) -> Tensor:
        return target

    def blank(self, target: Tensor, hole: Tensor) -> Tensor:
        return target

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(parts))


class Labels(Unmoved):
    """One class number per image.

    Shapes   numbers (n,) int64; a batch (k,)
    """

    task, noun, moves, mixes = "classify", "class numbers", False, frozenset({"mixup", "cutmix"})

    def __init__(self, numbers: Tensor) -> None:
        self.numbers = numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def strata(self) -> Tensor:
        return self.numbers

    def subset(self, indices: Tensor) -> "Labels":
        return Labels(self.numbers[indices])

    def take(self, indices: Tensor, window: Window | None = None) -> Tensor:
        return self.numbers[indices]


class LabelSets(Unmoved):
    """A row of 0 and 1 per image, one column per class.

    Shapes   rows (n, classes) of 0 and 1; a batch (k, classes) float32
    """

    task, noun, moves, mixes = "multilabel", "several labels each", False, frozenset({"mixup", "cutmix"})

    def __init__(self, rows: Tensor) -> None:
        self.rows = rows.to(torch.uint8)

    def __len__(self) -> int:
        return len(self.rows)

    def strata(self) -> None:
        return None

    def subset(self, indices: Tensor) -> "LabelSets":
        return LabelSets(self.rows[indices])

    def take(self, indices: Tensor, window: Window | None = None) -> Tensor:
        return self.rows[indices].float()


class MaskFiles:
    """Masks in files of their own, beside the pictures and as large, read when they are asked for."""

    def __init__(self, paths: PathTable) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, indices: Tensor) -> Tensor:
        """The masks of images of one size, (k, h, w) uint8.

        Raises   Unreadable if a file is no mask
        """
        return torch.from_numpy(np.stack([picture.class_numbers(self.paths[index]) for index in indices.tolist()]))

    def subset(self, indices: Tensor) -> "MaskFiles":
        return MaskFiles(self.paths.subset(indices.tolist()))


class Masks:
    """One class number per pixel; `IGNORED`, 255, counts for nothing, and so does what was blanked.

    Shapes   masks (n, h, w) uint8; a batch (k, h, w)
    """

    task, noun, moves, mixes = "segment", "masks", True, frozenset({"cutmix"})

    def __init__(self, masks: Tensor | MaskFiles) -> None:
        self.masks = masks

    def __len__(self) -> int:
        return len(self.masks)

    def strata(self) -> None:
        return None

    def subset(self, indices: Tensor) -> "Masks":
        return Masks(self.masks.subset(indices) if isinstance(self.masks, MaskFiles) else self.masks[indices])

    def take(self, indices: Tensor, window: Window | None = None) -> Tensor:
        masks = self.masks[indices]
        if isinstance(window, Cut):
            size = tuple(masks.shape[1:])
            other = next((pair for pair in map(tuple, window.sizes.tolist()) if pair != size), None)
            if other:
                raise Unreadable(f"its mask has {size[0]}x{size[1]} pixels, it has {other[0]}x{other[1]}")
        return see_masks(masks, window) if window else masks

    def see(self, target: Tensor, window: Window) -> Tensor:
        return see_masks(target, window)

    def blank(self, target: Tensor, hole: Tensor) -> Tensor:
        return target.masked_fill(hole[:, 0].to(target.device), IGNORED)

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(parts))


@dataclass(frozen=True, eq=False, slots=True)
class Boxes:
    """Some objects per image, or none: those of image i are offsets[i] to offsets[i + 1] - 1. A batch is Boxes as well.

    A box that is out of sight, or wholly blanked, is dropped; one that is partly hidden stays, clipped to what is seen.

    Shapes   offsets (n + 1,) int64; xyxy (m, 4) float32, in pixels of the image; labels (m,) int64; crowd (m,) bool;
             valid (n, 2) int64, the rows and columns of each image that are no margin, where images keep their proportions
    """

    offsets: Tensor
    xyxy: Tensor
    labels: Tensor
    crowd: Tensor
    valid: Tensor | None = None

    task: ClassVar[str] = "detect"
    noun: ClassVar[str] = "boxes"
    moves: ClassVar[bool] = True
    mixes: ClassVar[frozenset[str]] = frozenset()

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def image(self) -> Tensor:
        """The image that each box belongs to, (m,) int64."""
        return torch.arange(len(self), device=self.offsets.device).repeat_interleave(self.offsets.diff())

    def strata(self) -> None:
        return None

    def subset(self, indices: Tensor) -> "Boxes":
        return self.take(indices)

    def take(self, indices: Tensor, window: Window | None = None) -> "Boxes":
        counts = self.offsets.diff()[indices]
        ends = counts.cumsum(0)
        places = torch.arange(int(counts.sum())) + (self.offsets[indices] - (ends - counts)).repeat_interleave(counts)
        offsets = torch.cat([ends.new_zeros(1), ends])
        boxes = Boxes(offsets, self.xyxy[places], self.labels[places], self.crowd[places])
        return boxes.see(boxes, window) if window else boxes

    def see(self, target: "Boxes", window: Window) -> "Boxes":
        xyxy, left = see_boxes(target.xyxy, target.image, window)
        valid = window.valid.expand(len(target), 2).to(xyxy.device) if isinstance(window, Letterbox | Cut) else None
        return replace(target, xyxy=xyxy, valid=valid).only(left)

    def blank(self, target: "Boxes", hole: Tensor) -> "Boxes":
        hole = hole[:, 0].to(target.xyxy.device)
        (_, h, w), image = hole.shape, target.image
        sums = pad(hole.long().cumsum(1).cumsum(2), (1, 0, 1, 0))
        left, top = (target.xyxy[:, k].floor().long().clamp(0, side) for k, side in ((0, w), (1, h)))
        right, bottom = (target.xyxy[:, k].ceil().long().clamp(0, side) for k, side in ((2, w), (3, h)))
        hidden = sums[image, bottom, right] - sums[image, top, right] - sums[image, bottom, left] + sums[image, top, left]
        return target.only(hidden < (bottom - top) * (right - left))

    def join(self, parts: Sequence["Boxes"]) -> "Boxes":
        counts = torch.cat([part.offsets.diff() for part in parts])
        xyxy, labels, crowd = (torch.cat([getattr(part, name) for part in parts]) for name in ("xyxy", "labels", "crowd"))
        valid = [part.valid for part in parts if part.valid is not None]
        offsets = pad(counts.cumsum(0), (1, 0))
        return Boxes(offsets, xyxy, labels, crowd, torch.cat(valid) if len(valid) == len(parts) else None)

    def to(self, device: torch.device, *, non_blocking: bool = False) -> "Boxes":
        """The same boxes on a device."""
        tensors = {f.name: getattr(self, f.name) for f in fields(self)}
        moved = {name: t.to(device, non_blocking=non_blocking) for name, t in tensors.items() if t is not None}
        return replace(self, **moved)

    def only(self, chosen: Tensor) -> "Boxes":
        """Some of the boxes, of the same images.

        Shapes   chosen (m,) bool
        """
        counts = torch.bincount(self.image[chosen], minlength=len(self))
        offsets = pad(counts.cumsum(0), (1, 0))
        return Boxes(offsets, self.xyxy[chosen], self.labels[chosen], self.crowd[chosen], self.valid)
