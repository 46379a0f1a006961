"""The networks of other libraries that ours are compared with: torchvision where it has them, then timm, then pytorchcv."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import pad

from ..models import Variant
from ..models.family import Counterpart

Adjust = Callable[[nn.Module], None]


@dataclass(frozen=True, slots=True)
class Reference:
    """A network of another library that should compute what ours does."""

    library: str
    name: str
    module: str  # of the library, with `maker`
    maker: str
    options: Mapping[str, Any]
    size: str = ""  # the option that takes the image size, where the network is built for one
    adjust: Adjust | None = None  # exchanges what differs on purpose
    adjusted: str = ""  # what that is, and why

    def build(self, image_size: int) -> nn.Module:
        """The network with fresh weights, on whatever device is the default."""
        size = {self.size: image_size} if self.size else {}
        with warnings.catch_warnings(action="ignore"):  # of options that will have other defaults one day
            model: nn.Module = getattr(import_module(self.module), self.maker)(**self.options, **size)
        if self.adjust:
            self.adjust(model)
        return model

    def published_macs(self, image_size: int) -> float | None:
        """The multiply-accumulates, in units of 10⁹, that the library gives for images of this size, if it does."""
        if self.library != "torchvision":
            return None
        entries = import_module(self.module).get_model_weights(self.name)
        return next((e.meta["_ops"] for e in entries if e.transforms.keywords["crop_size"] == image_size), None)

    def __str__(self) -> str:
        own = "" if self.library == "torchvision" else f" {self.name}"
        return f"{self.library} {version(self.library)}{own}"


class Padded(nn.Module):
    """Shortcut A: every second pixel, and as many channels of zeros on both sides as there are channels in half."""

    def forward(self, x: Tensor) -> Tensor:
        zeros = x.shape[1] // 2
        return pad(x[..., ::2, ::2], (0, 0, 0, 0, zeros, zeros))


def pad_shortcuts(model: Any) -> None:
    """Shortcuts without parameters in a network that projects."""
    for stage in (model.features.stage2, model.features.stage3):
        stage.unit1.identity_conv = Padded()


def remove_shortcuts(model: Any) -> None:
    """No shortcuts at all."""
    for stage in (model.features.stage1, model.features.stage2, model.features.stage3):
        for name, unit in stage.named_children():
            stage.set_submodule(name, nn.Sequential(unit.body, unit.activ))


def take_small_form(model: Any) -> None:
    """A pre-activated network for ImageNet, taken down to 32 pixels and ten classes as ours is."""
    model.features.init_block = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    model.features.post_activ = nn.Identity()
    model.features.final_pool = nn.AdaptiveAvgPool2d(1)
    model.output = nn.Linear(model.output.in_features, 10)


ADJUSTMENTS: Mapping[str, Adjust] = {
    "shortcut A": pad_shortcuts,
    "no shortcut": remove_shortcuts,
    "small form": take_small_form,
}
"""What a family's Counterpart may name."""


def torchvision(name: str) -> Reference:
    """A network by torchvision's name."""
    no_start = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    size = "image_size" if name.startswith("vit_") else ""
    return Reference("torchvision", name, "torchvision.models", "get_model", {"name": name} | no_start, size)


def reference(of: Counterpart) -> Reference:
    """How the library builds the network that a family's file names.

    pytorchcv builds more networks for CIFAR-10 than it names: options lead to the function of that module.
    """
    adjust = ADJUSTMENTS[of.adjust] if of.adjust else None
    if of.library == "timm":
        module, maker, name, options = "timm", "create_model", of.name, {"model_name": of.name, **of.options}
    elif of.options:
        module, maker = f"pytorchcv.models.{of.name}", f"get_{of.name}"
        name = " ".join([of.name, *(str(value) for value in of.options.values() if value is not False)])
        options = {"num_classes": 10, **of.options}
    else:
        module, maker, name, options = "pytorchcv.model_provider", "get_model", of.name, {"name": of.name}
    return Reference(of.library, name, module, maker, options, adjust=adjust, adjusted=of.why)


def reference_of(network: Variant) -> tuple[Reference | None, list[str]]:
    """The first reference that is installed, and the libraries before it that are not."""
    missing = []
    for candidate in candidates(network):
        try:
            import_module(candidate.module)
        except ImportError:
            missing.append(candidate.library)
        else:
            return candidate, missing
    return None, missing


def candidates(network: Variant) -> tuple[Reference, ...]:
    """Which libraries may have the network; torchvision's own list decides for its names."""
    if counterparts := network.family.references.get(network.base):
        return tuple(map(reference, counterparts))
    try:
        models: Any = import_module("torchvision.models")
    except ImportError:
        return (torchvision(network.base),)  # it may have it
    return (torchvision(network.base),) if network.base in models.list_models(module=models) else ()
