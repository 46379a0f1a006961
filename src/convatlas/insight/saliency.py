"""Saliency: the evidence of each pixel for a class, by seven methods."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ..errors import InputError, unknown_name
from ..ops.layout import layout_of
from ..ops.mode import eval_mode
from ..ops.tap import tap
from .cam import CAMS, cam_layer

TOGETHER = 16  # images, noisy or covered copies in a pass
SAMPLES, NOISE = 24, 0.15  # of SmoothGrad; the noise's standard deviation is a share of the image's range
STEPS = 48  # of the integral
PATCH = 8  # occlusion covers an eighth of a side, and moves by half of that


@dataclass(frozen=True, eq=False, slots=True)
class Saliency:
    """Maps of evidence for a class each.

    Shapes   maps (n, h, w) float32 at image size, targets and predicted (n,) int64, probabilities (n,) of the targets
    Units    of the class score, the network's output before softmax: its change per unit of the normalized image for `gradient`
             and `smoothgrad`, its parts for `integrated-gradients`, what it loses for `occlusion`; both last ones have a sign
    """

    method: str
    maps: NDArray[np.float32]
    targets: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    layer: str | None  # of class activation maps; None for methods that explain the pixels

    def __len__(self) -> int:
        return len(self.maps)

    def __getitem__(self, some: slice) -> "Saliency":
        """The maps of some of the images."""
        of = (self.maps[some], self.targets[some], self.predicted[some], self.probabilities[some])
        return Saliency(self.method, *of, self.layer)


Target = int | Sequence[int] | Tensor | None


def saliency(
    model: nn.Module, x: Tensor, method: str = "gradcam", *, target: Target = None, layer: str | None = None, seed: int = 0
) -> Saliency:
    """The evidence for a class, the predicted one if `target` is None; the model stays as it is.

    gradient              |∂ score / ∂ x|, the largest of all channels     Simonyan et al. 2013, arXiv:1312.6034
    smoothgrad            the same of the mean gradient of noisy copies    Smilkov et al. 2017, arXiv:1706.03825
    integrated-gradients  summed on the way from x = 0, the mean color     Sundararajan et al. 2017, arXiv:1703.01365
    gradcam, gradcam++, layercam  the maps of a layer, `cam_layer` if `layer` is None; papers in `cam`
    occlusion             the loss of score without a patch                Zeiler and Fergus 2013, arXiv:1311.2901

    Shapes   x (n, c, h, w), normalized
    Raises   InputError for an unknown method, layer or class, or a layer without spatial extent
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    if layer is not None and method not in CAMS:
        raise InputError(
            f"{method} explains the pixels and takes no layer, got {layer!r}: the methods that take one are {', '.join(CAMS)}"
        )
    if x.ndim != 4 or not len(x):
        raise InputError(f"saliency needs images (n, c, h, w), at least one, got {tuple(x.shape)}")
    weight = next(model.parameters(), x)
    x = x.detach().to(weight.device, weight.dtype)
    requested = requested_classes(target, len(x))
    with eval_mode(model):
        if method in CAMS and layer is None:
            layer = cam_layer(model, tuple(x.shape[1:]))
        request = Request(model, layer, seed, method)
        parts = [
            METHODS[method](request, *part)
            for part in zip(torch.split(x, TOGETHER), torch.split(requested, TOGETHER), strict=True)
        ]
    maps, scores, targets = (torch.cat(part) for part in zip(*parts, strict=True))
    return Saliency(
        method,
        maps.float().cpu().numpy(),
        targets.cpu().numpy(),
        scores.argmax(1).cpu().numpy(),
        scores.float().softmax(1).gather(1, targets[:, None])[:, 0].cpu().numpy(),
        layer,
    )


def requested_classes(target: Target, n: int) -> Tensor:
    """A class for each image, −1 for the predicted one.

    Shapes   → (n,) int64
    Raises   InputError for another number of classes, or one below 0
    """
    if target is None:
        return torch.full((n,), -1)
    classes = torch.as_tensor(target, dtype=torch.int64).cpu()
    if classes.ndim > 1 or (classes.ndim and len(classes) != n) or (classes < 0).any():
        raise InputError(f"a target is a class for all images, or one for each of {n}, counted from 0; got {classes.tolist()}")
    return classes.expand(n)


def target_classes(requested: Tensor, scores: Tensor) -> Tensor:
    """The classes to explain, once the scores are known.

    Shapes   requested (n,), scores (n, k) → (n,)
    Raises   InputError for other scores, or a class that does not exist
    """
    if scores.ndim != 2:
        raise InputError(f"saliency needs a network that gives a score for each class, (n, classes), got {tuple(scores.shape)}")
    if int(requested.max()) >= scores.shape[1]:
        raise InputError(f"class {int(requested.max())} does not exist: the network has {scores.shape[1]}, counted from 0")
    requested = requested.to(scores.device)
    return torch.where(requested < 0, scores.argmax(1), requested)


@dataclass(frozen=True, slots=True)
class Request:
    """The arguments of all methods."""

    model: nn.Module
    layer: str | None
    seed: int
    method: str

    def scores(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self.model(x)


Explanation = tuple[Tensor, Tensor, Tensor]
"""Maps (n, h, w), scores (n, classes), targets (n,)."""


def cam(request: Request, x: Tensor, requested: Tensor) -> Explanation:
    """One pass forward, and backward no further than to the layer.

    Shapes   x (n, c, h, w), requested (n,) → maps (n, h, w), scores (n, classes), targets (n,)
    Raises   InputError for a layer without spatial extent, or one that no class depends on
    """
    name, size = str(request.layer), tuple(x.shape[1:])
    with torch.enable_grad(), tap(request.model, name) as taps:
        scores = request.model(x.clone().requires_grad_())  # so that frozen weights don't cut the way back
        targets, y = target_classes(requested, scores), taps[name]
    layout = layout_of(tuple(y.shape), size) if isinstance(y, Tensor) and len(y) == len(x) else None
    if layout is None:
        shape = tuple(y.shape) if isinstance(y, Tensor) else f"a {type(y).__name__}"
        fitting = cam_layer(request.model, size)
        raise InputError(f"{name} gives {shape}, which has no spatial extent; {request.method} needs a layer such as {fitting}")
    [g] = torch.autograd.grad(scores.gather(1, targets[:, None]).sum(), y, allow_unused=True)
    if g is None:
        fitting = cam_layer(request.model, size)
        raise InputError(f"no class depends on {name}: take a layer on the way to the classes, such as {fitting}")
    maps = CAMS[request.method](layout.maps(y.detach()).float(), layout.maps(g).float())
    return interpolate(maps[:, None], size[1:], mode="bilinear", align_corners=False)[:, 0], scores.detach(), targets


def gradient(request: Request, x: Tensor, requested: Tensor) -> Explanation:
    """One pass forward and back to the image.

    Shapes   x (n, c, h, w), requested (n,) → maps (n, h, w), scores (n, classes), targets (n,)
    """
    x = x.clone().requires_grad_()
    with torch.enable_grad():
        scores = request.model(x)
        targets = target_classes(requested, scores)
        [g] = torch.autograd.grad(scores.gather(1, targets[:, None]).sum(), x)
    return g.abs().amax(1), scores.detach(), targets


def smoothgrad(request: Request, x: Tensor, requested: Tensor) -> Explanation:
    """Each image has the same noise, whatever images are beside it.

    Shapes   x (n, c, h, w), requested (n,) → maps (n, h, w), scores (n, classes), targets (n,)
    """
    from captum.attr import NoiseTunnel, Saliency

    scores = request.scores(x)
    targets, tunnel = target_classes(requested, scores), NoiseTunnel(Saliency(request.model))
    devices = [x.device] if x.is_cuda else []
    maps = []
    for image, target in zip(torch.split(x, 1), targets.tolist(), strict=True):
        with torch.enable_grad(), torch.random.fork_rng(devices):
            torch.manual_seed(request.seed)
            noise = NOISE * float(image.max() - image.min())
            options = {"nt_samples": SAMPLES, "nt_samples_batch_size": TOGETHER, "stdevs": noise}
            g = tunnel.attribute(image.clone().requires_grad_(), target=target, abs=False, **options)
        maps.append(g.detach().abs().amax(1))
    return torch.cat(maps), scores, targets


def integrated_gradients(request: Request, x: Tensor, requested: Tensor) -> Explanation:
    """Their sum over all pixels is the score less that of the mean color.

    Shapes   x (n, c, h, w), requested (n,) → maps (n, h, w), scores (n, classes), targets (n,)
    """
    from captum.attr import IntegratedGradients

    scores = request.scores(x)
    targets, way = target_classes(requested, scores), IntegratedGradients(request.model)
    maps = []
    for image, target in zip(torch.split(x, 1), targets.tolist(), strict=True):
        with torch.enable_grad():
            start = image.clone().requires_grad_()
            parts = way.attribute(start, target=target, n_steps=STEPS, internal_batch_size=TOGETHER)
        maps.append(parts.detach().sum(1))
    return torch.cat(maps), scores, targets


def occlusion(request: Request, x: Tensor, requested: Tensor) -> Explanation:
    """A pixel has the mean loss of all patches that covered it with the mean color.

    Shapes   x (n, c, h, w), requested (n,) → maps (n, h, w), scores (n, classes), targets (n,)
    """
    from captum.attr import Occlusion

    scores = request.scores(x)
    targets, cover = target_classes(requested, scores), Occlusion(request.model)
    patch = (x.shape[1], *(max(side // PATCH, 1) for side in x.shape[2:]))
    step = (x.shape[1], *(max(side // 2, 1) for side in patch[1:]))
    with torch.no_grad():
        maps = [
            cover.attribute(image, patch, strides=step, target=target, perturbations_per_eval=TOGETHER)[:, 0]
            for image, target in zip(torch.split(x, 1), targets.tolist(), strict=True)
        ]
    return torch.cat(maps), scores, targets


METHODS: dict[str, Callable[[Request, Tensor, Tensor], Explanation]] = {
    "gradient": gradient,
    "smoothgrad": smoothgrad,
    "integrated-gradients": integrated_gradients,
    **dict.fromkeys(CAMS, cam),
    "occlusion": occlusion,
}
