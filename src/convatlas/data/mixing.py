"""Mixup and CutMix: each image is mixed with another one of the batch, and so are their labels.

Both draw the share λ that an image keeps of itself from Beta(α, α), an own one for each pair. Mixup fades the pair into one
another, x = λ x_i + (1 − λ) x_j; CutMix pastes a rectangle of 1 − λ of x_j's area over x_i. Either way y = λ y_i + (1 − λ) y_j.

Papers   Zhang et al. 2017, arXiv:1710.09412 (mixup) · Yun et al. 2019, arXiv:1905.04899 (CutMix)
"""

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from .chance import uniform
from .erasing import inside
from .feed import Augment


def mix_batch(x: Tensor, target: Tensor, augment: Augment, classes: int, chance: Tensor) -> tuple[Tensor, Tensor]:
    """The batch mixed as `augment` says: by mixup, by CutMix, or by one of them if it has both.

    Masks are pasted with their pixels; there is no mixup of them.

    Shapes   x (n, c, h, w) float32, chance (5, n) on the CPU; target (n,) int64 → (n, classes) float32 whose rows sum to 1,
             rows of several labels (n, classes) → as many, or masks (n, h, w) uint8 → as many
    """
    partner = chance[0].argsort(stable=True)
    if augment.cutmix and not (augment.mixup and chance[1, 0] % 2):
        bounds = pasted_rectangles(x.shape[2], x.shape[3], beta_quantile(augment.cutmix, chance[2]), chance[3:])
        if target.ndim == 3:
            return paste(x, partner, bounds), paste(target[:, None], partner, bounds)[:, 0]
        return cutmix(x, label_rows(target, classes), partner, bounds)
    return mixup(x, label_rows(target, classes), partner, beta_quantile(augment.mixup, chance[2]))


def label_rows(target: Tensor, classes: int) -> Tensor:
    """A row of weights for each image.

    Shapes   target (n,) int64, or (n, classes) float32 already → (n, classes) float32
    """
    return target if target.ndim == 2 else one_hot(target, classes).float()


def beta_quantile(alpha: float, chance: Tensor) -> Tensor:
    """The share λ of itself that each image keeps: the quantile of Beta(α, α) at its chance, float64 in [0, 1].

    Shapes   chance (n,) int64 → (n,)
    """
    from scipy.special import betaincinv

    return torch.from_numpy(betaincinv(alpha, alpha, uniform(chance).numpy()))


def mixup(x: Tensor, y: Tensor, partner: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """λ of each image and 1 − λ of its partner, pixels and labels.

    Shapes   x (n, c, h, w), y (n, classes), partner (n,) int64, share (n,) in [0, 1]
    Source   Zhang et al. 2017, §2
    """
    partner = partner.to(x.device, non_blocking=True)
    share = share.to(x.dtype).to(x.device, non_blocking=True)
    return x[partner].lerp(x, share[:, None, None, None]), y[partner].lerp(y, share[:, None])


def pasted_rectangles(h: int, w: int, share: Tensor, chance: Tensor) -> Tensor:
    """Rectangles of 1 − λ of the area around random pixels; what would lie outside the image is cut off.

    Shapes   share (n,), chance (2, n) → (4, n) int64: first row, row after the last, first column, column after the last
    Source   Yun et al. 2019, §3.1, eq. 2, with the box around its point, as in the paper's code
    """
    side = (1 - share).sqrt()
    bounds = []
    for length, which in ((h, chance[0]), (w, chance[1])):
        size = (length * side).round().long()
        first = which % length - size // 2
        bounds += [first.clamp(min=0), (first + size).clamp(max=length)]
    return torch.stack(bounds)


def cutmix(x: Tensor, y: Tensor, partner: Tensor, bounds: Tensor) -> tuple[Tensor, Tensor]:
    """Each image with a rectangle of its partner, at the place it has there; labels weigh how much is seen of each image.

    Shapes   x (n, c, h, w), y (n, classes), partner (n,) int64, bounds (4, n) as `pasted_rectangles` gives them
    Source   Yun et al. 2019, §3.1, eq. 1, with λ corrected to the pixels that were pasted
    """
    top, bottom, left, right = bounds
    pasted = ((bottom - top) * (right - left)).double() / (x.shape[2] * x.shape[3])
    share = (1 - pasted).to(y.dtype).to(x.device, non_blocking=True)
    return paste(x, partner, bounds), y[partner.to(y.device, non_blocking=True)].lerp(y, share[:, None])


def paste(x: Tensor, partner: Tensor, bounds: Tensor) -> Tensor:
    """Each image with a rectangle of its partner, at the place it has there.

    Shapes   x (n, c, h, w), partner (n,) int64, bounds (4, n) as `pasted_rectangles` gives them
    """
    hole = inside(bounds.to(x.device, non_blocking=True), x.shape[2], x.shape[3])
    return torch.where(hole, x[partner.to(x.device, non_blocking=True)], x)
