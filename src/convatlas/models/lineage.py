"""Who took which idea from whom, as the papers say it themselves.

Parents are families of the catalogue, or groups of variants with a paper of their own. What came from elsewhere (Network in
Network's 1x1, squeeze-and-excitation, language's transformer) has no line here, so LeNet and ViT begin one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..catalog import ROWS


@dataclass(frozen=True, slots=True)
class Idea:
    """Something a network has from an older one; `source` is where its own paper says so."""

    child: str
    parent: str
    idea: str
    source: str


@dataclass(frozen=True, slots=True)
class Node:
    """A family, or a group of its variants with a paper of its own."""

    name: str
    title: str
    year: int
    variants: tuple[str, ...]


GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "resnext": ("resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d"),
        "wide_resnet": ("wide_resnet50_2", "wide_resnet101_2"),
        "swin_v2": ("swin_v2_t", "swin_v2_s", "swin_v2_b"),
    }
)
TITLES: Mapping[str, str] = MappingProxyType(
    {
        "lenet": "LeNet-5", "alexnet": "AlexNet", "zfnet": "ZFNet", "vgg": "VGG", "googlenet": "GoogLeNet",
        "inception": "Inception v3", "resnet": "ResNet", "resnet_cifar": "ResNet, CIFAR", "preact_resnet": "PreAct ResNet",
        "wrn_cifar": "WRN, CIFAR", "wide_resnet": "Wide ResNet", "resnext": "ResNeXt", "resnext_cifar": "ResNeXt, CIFAR",
        "squeezenet": "SqueezeNet", "densenet": "DenseNet", "mobilenet_v1": "MobileNet", "mobilenet_v2": "MobileNetV2",
        "mnasnet": "MnasNet", "shufflenet_v2": "ShuffleNetV2", "mobilenet_v3": "MobileNetV3", "efficientnet": "EfficientNet",
        "regnet": "RegNet", "tinyvgg": "TinyVGG", "vit": "ViT", "efficientnet_v2": "EfficientNetV2", "swin": "Swin",
        "swin_v2": "Swin V2", "convnext": "ConvNeXt", "maxvit": "MaxViT",
    }
)  # fmt: skip

LINEAGE: tuple[Idea, ...] = (  # of each child what it stands on first, then what it adds
    Idea("alexnet", "lenet", "convolutions that share their weights, on a thousand classes", "Krizhevsky et al. 2012, §1"),
    Idea("zfnet", "alexnet", "the same layers; the first one finer: 7x7 with stride 2", "Zeiler and Fergus 2013, §4.1"),
    Idea("vgg", "alexnet", "its principles, with stacks of 3x3 for large filters", "Simonyan and Zisserman 2014, §2"),
    Idea("vgg", "zfnet", "smaller windows and strides in the first layer pay", "Simonyan and Zisserman 2014, §1"),
    Idea("googlenet", "lenet", "the standard structure that modules of many filter sizes refine", "Szegedy et al. 2014, §2"),
    Idea("inception", "googlenet", "Inception modules, their filters factorized", "Szegedy et al. 2015, §3"),
    Idea("resnet", "vgg", "3x3 everywhere; half the size, twice the channels", "He et al. 2015, §3.3"),
    Idea("resnet_cifar", "resnet", "residual blocks, on 32 pixels with free shortcuts", "He et al. 2015, §4.2"),
    Idea("preact_resnet", "resnet", "residual blocks with a clean shortcut: norm and ReLU first", "He et al. 2016, §4"),
    Idea("wide_resnet", "resnet", "bottlenecks, twice as wide inside", "Zagoruyko and Komodakis 2016, §3"),
    Idea("wrn_cifar", "preact_resnet", "norm and ReLU before each convolution", "Zagoruyko and Komodakis 2016, §2"),
    Idea("wrn_cifar", "resnet_cifar", "three stages of residual blocks, k times as wide", "Zagoruyko and Komodakis 2016, §2"),
    Idea("squeezenet", "googlenet", "modules with 1x1 and 3x3 side by side", "Iandola et al. 2016, §2.2"),
    Idea("squeezenet", "resnet", "shortcuts around modules (bypass)", "Iandola et al. 2016, §6"),
    Idea("densenet", "resnet", "shortcuts, joined instead of added", "Huang et al. 2016, §3"),
    Idea("densenet", "preact_resnet", "norm and ReLU before each convolution", "Huang et al. 2016, §3"),
    Idea("resnext", "resnet", "blocks of one shape, repeated", "Xie et al. 2016, §3.1"),
    Idea("resnext", "googlenet", "split, transform, merge: many paths in a block", "Xie et al. 2016, §1"),
    Idea("resnext_cifar", "resnext", "many equal paths, on 32 pixels", "Xie et al. 2016, §5.3"),
    Idea("mobilenet_v1", "googlenet", "depthwise separable convolutions of Inception models", "Howard et al. 2017, §2"),
    Idea("mobilenet_v2", "mobilenet_v1", "depthwise separable convolutions", "Sandler et al. 2018, §3.1"),
    Idea("mobilenet_v2", "resnet", "shortcuts, between the narrow ends", "Sandler et al. 2018, §3.3"),
    Idea("mnasnet", "mobilenet_v2", "its layers as the start of a search", "Tan et al. 2018, §4.1"),
    Idea("shufflenet_v2", "densenet", "channels that pass unchanged: features are used again", "Ma et al. 2018, §3"),
    Idea("mobilenet_v3", "mnasnet", "its search and the network it found", "Howard et al. 2019, §4.1"),
    Idea("mobilenet_v3", "mobilenet_v2", "wide inside, narrow outside, linear at the end", "Howard et al. 2019, §3"),
    Idea("efficientnet", "mnasnet", "its search space, for multiplications instead of latency", "Tan and Le 2019, §4"),
    Idea("efficientnet", "mobilenet_v2", "MBConv blocks", "Tan and Le 2019, §4"),
    Idea("regnet", "resnext", "bottlenecks with grouped 3x3 as the space of designs", "Radosavovic et al. 2020, §3.2"),
    Idea("tinyvgg", "vgg", "two 3x3 and a pool, twice", "Wang et al. 2020"),
    Idea("efficientnet_v2", "efficientnet", "MBConv and compound scaling, searched anew for speed", "Tan and Le 2021, §3"),
    Idea("swin", "vit", "patches as tokens, attention between them", "Liu et al. 2021, §3.1"),
    Idea("swin", "resnet", "maps at stride 4, 8, 16 and 32", "Liu et al. 2021, §3.1"),
    Idea("swin_v2", "swin", "shifted windows; norms and scores made to grow", "Liu et al. 2021 (2111.09883), §3"),
    Idea("convnext", "resnet", "the network that is modernized", "Liu et al. 2022, §2"),
    Idea("convnext", "swin", "blocks a stage, stem of patches, large windows", "Liu et al. 2022, §2.2, §2.5, §2.6"),
    Idea("convnext", "resnext", "more groups, more width", "Liu et al. 2022, §2.3"),
    Idea("convnext", "mobilenet_v2", "wide inside, narrow outside", "Liu et al. 2022, §2.4"),
    Idea("maxvit", "swin", "attention within windows", "Tu et al. 2022, §3.2"),
    Idea("maxvit", "mobilenet_v2", "MBConv before attention", "Tu et al. 2022, §3.2"),
)  # fmt: skip


def nodes() -> tuple[Node, ...]:
    """Families and groups by year; the variants of a group are no longer its family's."""
    grouped = {name: group for group, names in GROUPS.items() for name in names}
    variants: dict[str, list[str]] = {}
    for name, row in ROWS.items():
        variants.setdefault(grouped.get(name, row.family), []).append(name)
    found = [Node(name, TITLES.get(name, name), min(ROWS[v].year for v in own), tuple(own)) for name, own in variants.items()]
    return tuple(sorted(found, key=lambda node: node.year))


__all__ = ["GROUPS", "LINEAGE", "Idea", "Node", "nodes"]
