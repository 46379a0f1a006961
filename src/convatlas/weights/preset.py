"""The preparation of images for published weights: exactly torchvision's for each file."""

from typing import TYPE_CHECKING

from .checkpoints import Checkpoint, find

if TYPE_CHECKING:
    from torchvision.transforms.v2 import Compose


def transforms(name: str, tag: str = "default") -> "Compose":
    """The transforms of a PIL image into the network's input for these weights.

    Shapes   an image of any size and mode → (3, crop, crop) float, normalized
    Raises   InputError if nothing is published under that name and tag
    """
    import torch
    from torchvision.transforms import ConvertImageDtype
    from torchvision.transforms.v2 import Compose, Normalize

    checkpoint = find(name, tag)
    # ConvertImageDtype divides by 255 as the reference does; v2.ToDtype multiplies by 1/255, another last bit.
    end = ConvertImageDtype(torch.float), Normalize(checkpoint.mean, checkpoint.std)
    return Compose([*frame(checkpoint).transforms, *end])


def frame(checkpoint: Checkpoint) -> "Compose":
    """The first part of these transforms, for normalizing on the device.

    Shapes   an image of any size and mode → (3, crop, crop) uint8
    """
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.v2 import RGB, CenterCrop, Compose, PILToTensor, Resize

    resize = Resize(checkpoint.resize, InterpolationMode(checkpoint.interpolation))
    return Compose([RGB(), resize, CenterCrop(checkpoint.crop), PILToTensor()])
