"""Whom each network is compared with: torchvision where it has it, then timm, then pytorchcv."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import pad

Adjust = Callable[[nn.Module], None]


@dataclass(frozen=True, slots=True)
class Reference:
    """A network of another library that should compute what ours does."""

    library: str
    name: str
    room: str  # the module of the library that has `maker`
    maker: str
    options: Mapping[str, Any]
    size: str = ""  # the option that takes the image size, where the network is built for one
    adjust: Adjust | None = None  # exchanges what differs on purpose
    adjusted: str = ""  # what that is, and why

    def build(self, image_size: int) -> nn.Module:
        """The network with fresh weights, on whatever device is the default."""
        size = {self.size: image_size} if self.size else {}
        with warnings.catch_warnings(action="ignore"):  # of options that will have other defaults one day
            model: nn.Module = getattr(import_module(self.room), self.maker)(**self.options, **size)
        if self.adjust:
            self.adjust(model)
        return model

    def published(self, image_size: int) -> float | None:
        """The multiply-accumulates, in thousands of millions, that the library gives for images of this size, if it does."""
        if self.library != "torchvision":
            return None
        entries = import_module(self.room).get_model_weights(self.name)
        return next((e.meta["_ops"] for e in entries if e.transforms.keywords["crop_size"] == image_size), None)

    def __str__(self) -> str:
        own = "" if self.library == "torchvision" else f" {self.name}"
        return f"{self.library} {version(self.library)}{own}"


def torchvision(name: str) -> Reference:
    """A network by torchvision's name."""
    drawn = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    size = "image_size" if name.startswith("vit_") else ""
    return Reference("torchvision", name, "torchvision.models", "get_model", {"name": name} | drawn, size)


def timm(name: str, adjusted: str = "", **options: Any) -> Reference:
    """A network by timm's name."""
    return Reference("timm", name, "timm", "create_model", {"model_name": name} | options, adjusted=adjusted)


def pytorchcv(name: str, adjust: Adjust | None = None, adjusted: str = "") -> Reference:
    """A network by pytorchcv's name."""
    return Reference(
        "pytorchcv", name, "pytorchcv.model_provider", "get_model", {"name": name}, adjust=adjust, adjusted=adjusted
    )


def cifar(family: str, *, adjust: Adjust | None = None, adjusted: str = "", **options: Any) -> Reference:
    """A network for CIFAR-10, of which pytorchcv builds more than it names."""
    name = " ".join([family, *(str(value) for value in options.values() if value is not False)])
    given = {"num_classes": 10} | options
    return Reference("pytorchcv", name, f"pytorchcv.models.{family}", f"get_{family}", given, adjust=adjust, adjusted=adjusted)


class Padded(nn.Module):
    """Shortcut A: every second pixel, and as many channels of zeros on both sides as there are channels in half."""

    def forward(self, x: Tensor) -> Tensor:
        zeros = x.shape[1] // 2
        return pad(x[..., ::2, ::2], (0, 0, 0, 0, zeros, zeros))


def padded(model: Any) -> None:
    """Shortcuts without parameters in a network that projects."""
    for stage in (model.features.stage2, model.features.stage3):
        stage.unit1.identity_conv = Padded()


def plain(model: Any) -> None:
    """No shortcuts at all."""
    for stage in (model.features.stage1, model.features.stage2, model.features.stage3):
        for name, unit in stage.named_children():
            stage.set_submodule(name, nn.Sequential(unit.body, unit.activ))


def pre_activated(name: str) -> Reference:
    """A network for ImageNet, taken down to 32 pixels and ten classes as ours is."""

    def adjust(model: Any) -> None:
        model.features.init_block = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        model.features.post_activ = nn.Identity()
        model.features.final_pool = nn.AdaptiveAvgPool2d(1)
        model.output = nn.Linear(model.output.in_features, 10)

    return pytorchcv(name, adjust, "with a 3x3 stem, ten classes and no last norm: as the form for 32 pixels is known")


A = "with shortcut A: zeros where pytorchcv projects"
ELSEWHERE: Mapping[str, tuple[Reference, ...]] = {
    "zfnet": (pytorchcv("zfnet"),),
    **{
        f"resnet{n}": (cifar("resnet_cifar", adjust=padded, adjusted=A, blocks=n, bottleneck=False),)
        for n in (20, 32, 44, 56, 110)
    },
    **{
        f"plain{n}": (
            cifar("resnet_cifar", adjust=plain, adjusted="without shortcuts: figure 3, middle", blocks=n, bottleneck=False),
        )
        for n in (20, 56)
    },
    "preact_resnet18": (pre_activated("preresnet18"),),
    "preact_resnet34": (pre_activated("preresnet34"),),
    "preact_resnet50": (pre_activated("preresnet50b"),),
    "wrn_16_4": (cifar("wrn_cifar", blocks=16, width_factor=4),),
    "wrn_28_10": (cifar("wrn_cifar", blocks=28, width_factor=10),),
    "wrn_40_2": (cifar("wrn_cifar", blocks=40, width_factor=2),),
    "densenet_bc_100_12": (pytorchcv("densenet100_k12_bc_cifar10"),),
    "resnext29_32x4d": (cifar("resnext_cifar", blocks=29, cardinality=32, bottleneck_width=4),),
    "resnext29_8x64d": (cifar("resnext_cifar", blocks=29, cardinality=8, bottleneck_width=64),),
    "resnext29_16x64d": (cifar("resnext_cifar", blocks=29, cardinality=16, bottleneck_width=64),),
    "mobilenet_v1_025": (pytorchcv("mobilenet_wd4"),),
    "mobilenet_v1_050": (pytorchcv("mobilenet_wd2"),),
    "mobilenet_v1_075": (pytorchcv("mobilenet_w3d4"),),
    "mobilenet_v1_100": (
        pytorchcv("mobilenet_w1"),
        timm("mobilenetv1_100", "with ReLU: timm's ends at 6, as the first release did", act_layer=nn.ReLU),
    ),
    **{f"efficientnet_lite{i}": (timm(f"efficientnet_lite{i}"),) for i in range(5)},
}


def reference_of(name: str) -> tuple[Reference | None, list[str]]:
    """The first reference that is installed, and the libraries before it that are not."""
    missing = []
    for reference in candidates(name):
        try:
            import_module(reference.room)
        except ImportError:
            missing.append(reference.library)
        else:
            return reference, missing
    return None, missing


def candidates(name: str) -> tuple[Reference, ...]:
    """Who may have the network; torchvision's own list decides for its names."""
    if name in ELSEWHERE:
        return ELSEWHERE[name]
    try:
        models: Any = import_module("torchvision.models")
    except ImportError:
        return (torchvision(name),)  # it may have it
    return (torchvision(name),) if name in models.list_models(module=models) else ()
