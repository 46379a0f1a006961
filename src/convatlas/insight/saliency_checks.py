"""Sanity checks of saliency maps: by removing pixels, and by randomizing the network."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..anatomy.layers import inspect
from ..errors import InputError
from ..ops.mode import eval_mode
from .saliency import TOGETHER, Saliency, saliency

STEPS = 32  # of a curve
DEPTHS = 8  # of randomization
BLUR = 16  # a blurred image has no detail below a sixteenth of a side


@dataclass(frozen=True, eq=False, slots=True)
class Curves:
    """The probability of the explained class while pixels are removed or restored, the most salient first.

    Shapes   pixels (steps + 1,) from 0 to 1, deletion and insertion (n, steps + 1), areas (n,)
    """

    pixels: NDArray[np.float32]
    deletion: NDArray[np.float32]  # pixels of the image become the mean color: a good map makes it fall at once
    insertion: NDArray[np.float32]  # pixels of the blurred image become sharp: a good map makes it rise at once

    @property
    def deletion_area(self) -> NDArray[np.float32]:
        return np.asarray(np.trapezoid(self.deletion, self.pixels, axis=1), np.float32)

    @property
    def insertion_area(self) -> NDArray[np.float32]:
        return np.asarray(np.trapezoid(self.insertion, self.pixels, axis=1), np.float32)


def curves(model: nn.Module, x: Tensor, maps: NDArray[np.float32], targets: Sequence[int], *, steps: int = STEPS) -> Curves:
    """Deletion and insertion of pixels in the order of the maps.

    Shapes   x (n, c, h, w) normalized, maps (n, h, w), targets (n,)
    Raises   InputError for maps of another shape
    Source   Petsiuk et al. 2018, arXiv:1806.07421, algorithm 1; differs: blurred with a sixteenth of a side for all sizes
    """
    from torchvision.transforms.v2.functional import gaussian_blur

    h, w = x.shape[2:]
    if maps.shape != (len(x), h, w):
        raise InputError(f"{len(x)} images of {h}x{w} need maps of shape {(len(x), h, w)}, got {maps.shape}")
    weight = next(model.parameters(), x)
    x = x.detach().to(weight.device, weight.dtype)
    sigmas = [side / BLUR for side in (w, h)]
    blurred = gaussian_blur(
        x, [2 * min(int(2 * sigma), (side - 1) // 2) + 1 for sigma, side in zip(sigmas, (w, h), strict=True)], sigmas
    )
    share = torch.linspace(0, 1, steps + 1)
    deleted, inserted = [], []
    with eval_mode(model), torch.no_grad():
        for image, soft, saliency_map, target in zip(x, blurred, maps, targets, strict=True):
            masks = removal_masks(torch.from_numpy(saliency_map), share).to(x.device)
            deleted.append(probabilities_along(model, image, torch.zeros_like(image), masks, int(target)))
            inserted.append(probabilities_along(model, soft, image, masks, int(target)))
    return Curves(share.numpy(), torch.stack(deleted).cpu().numpy(), torch.stack(inserted).cpu().numpy())


def removal_masks(saliency_map: Tensor, share: Tensor) -> Tensor:
    """The pixels that are exchanged at each step: the most salient share of them.

    Shapes   saliency_map (h, w), share (k,) → (k, 1, h, w) bool
    """
    order = saliency_map.flatten().argsort(descending=True, stable=True)
    rank = torch.empty_like(order).scatter_(0, order, torch.arange(len(order)))
    return (rank < (share[:, None] * len(order)).round()).view(-1, 1, *saliency_map.shape)


def probabilities_along(model: nn.Module, before: Tensor, after: Tensor, masks: Tensor, target: int) -> Tensor:
    """The class's probability for each mixture of two images.

    Shapes   before and after (c, h, w), masks (k, 1, h, w) → (k,)
    """
    passes = [model(torch.where(part, after, before)).float().softmax(1)[:, target] for part in torch.split(masks, TOGETHER)]
    return torch.cat(passes)


@dataclass(frozen=True, eq=False, slots=True)
class Randomization:
    """How similar maps stay while the weights of the network are shuffled, from the head down.

    Shapes   depth (k,) share of the layers with shuffled weights, from 0 to 1; correlation (n, k); layers (k − 1,)
    """

    depth: NDArray[np.float32]
    correlation: NDArray[np.float32]  # Spearman's, of ranks; 0 where a map is constant
    layers: tuple[str, ...]  # the last one that was shuffled


def randomization(model: nn.Module, x: Tensor, original: Saliency, *, depths: int = DEPTHS, seed: int = 0) -> Randomization:
    """Cascading randomization: a method that explains the network must change its maps with it.

    A copy is shuffled; the model stays as it is, and two networks are in memory at once.

    Shapes   x (n, c, h, w), normalized
    Source   Adebayo et al. 2018, arXiv:1810.03292, §3.1; differs: weights are shuffled, which keeps the scale of what flows
    """
    shuffled = deepcopy(model).eval()
    layers = weighted_modules(shuffled, tuple(x.shape[1:]))
    ends = sorted({1, *(round(len(layers) * i / depths) for i in range(1, depths + 1))} - {0})
    generator = torch.Generator().manual_seed(seed)
    correlations, done = [np.ones(len(x), np.float32)], 0
    for end in ends:
        for name in layers[done:end]:
            shuffle_weights(shuffled.get_submodule(name), generator)
        done = end
        again = saliency(
            shuffled, x, original.method, target=torch.from_numpy(original.targets), layer=original.layer, seed=seed
        )  # fmt: skip
        correlations.append(
            np.array([rank_correlation(a, b) for a, b in zip(original.maps, again.maps, strict=True)], np.float32)
        )
    depth = np.array([0, *ends], np.float32) / np.float32(len(layers))
    return Randomization(depth, np.stack(correlations, 1), tuple(layers[end - 1] for end in ends))


def weighted_modules(model: nn.Module, size: tuple[int, ...]) -> list[str]:
    """Modules with weights of their own, the head first."""
    own = {name for name, module in model.named_modules() if next(module.parameters(recurse=False), None) is not None}
    return inspect(model, size).in_order(own)[::-1]


def shuffle_weights(module: nn.Module, generator: torch.Generator) -> None:
    """Puts the module's own weights into a random order."""
    with torch.no_grad():
        for weight in module.parameters(recurse=False):
            order = torch.randperm(weight.numel(), generator=generator).to(weight.device)
            weight.copy_(weight.flatten()[order].view_as(weight))


def rank_correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Spearman's ρ; equal values share a rank; 0 if all of one are equal or one is not finite.

    Shapes   a and b of one shape
    """
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return 0.0
    p, q = centered_ranks(a), centered_ranks(b)
    spread = float(np.sqrt((p @ p) * (q @ q)))
    return float(p @ q) / spread if spread else 0.0


def centered_ranks(a: NDArray[np.float32]) -> NDArray[np.float64]:
    """The ranks of all values, less their mean.

    Shapes   → (a.size,)
    """
    _, place, count = np.unique(a.ravel(), return_inverse=True, return_counts=True)
    rank: NDArray[np.float64] = (np.cumsum(count) - (count - 1) / 2)[place.ravel()]
    return rank - rank.mean()
