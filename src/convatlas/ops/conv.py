"""Convolutions with what usually follows them, and the arithmetic of channel counts."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .inplace import InplaceSequential, relu_after

Layer = Callable[[int], nn.Module]  # channels → a norm for them
Conv = Callable[..., InplaceSequential]  # `conv_norm` with the network's own norm and activation
Size = int | tuple[int, int]  # of both sides, or height and width
VECTOR = 8  # floats in a register of AVX2


def conv_norm(
    c_in: int,
    c_out: int,
    kernel: int = 3,
    stride: int = 1,
    *,
    groups: int = 1,
    norm: Layer = nn.BatchNorm2d,
    activation: Callable[[], nn.Module] | None = nn.ReLU,
) -> InplaceSequential:
    """0 = convolution without bias that keeps the size at stride 1, 1 = norm, 2 = activation, unless None."""
    conv = nn.Conv2d(c_in, c_out, kernel, stride, padding=(kernel - 1) // 2, groups=groups, bias=False)
    return InplaceSequential(conv, norm(c_out), *([activation()] if activation else []))


class BasicConv2d(nn.Module):
    """Convolution, batch norm with ε = 0.001, ReLU: what every branch of an Inception module is made of.

    Source   Szegedy et al. 2015, arXiv:1512.00567, §8
    """

    def __init__(self, c_in: int, c_out: int, kernel: Size, stride: int = 1, padding: Size = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(c_out, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return relu_after(self.bn, self.conv(x))


def round_channels(channels: float, to: int = 8) -> int:
    """The nearest multiple of `to`, at least `to` and never below nine tenths of the number itself.

    Source   the published MobileNets and all networks after them; no paper gives the rule
    """
    nearest = max(to, int(channels + to / 2) // to * to)
    return nearest + to if nearest < 0.9 * channels else nearest


def prepare_layout(model: nn.Module, channels_last: bool) -> torch.memory_format:
    """Moves a network into the memory format it is trained in, and gives that format for its images.

    Channels are innermost if that is wanted and does not crash: a network with a thin convolution is contiguous.
    """
    layout = torch.contiguous_format if guard_thin_convolutions(model) or not channels_last else torch.channels_last
    model.to(memory_format=layout)
    return layout


def guard_thin_convolutions(model: nn.Module) -> bool:
    """Whether there is a 1x1 convolution with a stride and fewer than eight input channels; each then reads contiguous maps.

    In PyTorch 2.15 its gradient writes beyond its memory where channels are innermost, on processors with AVX2 at least. Maps
    may be so although the network is contiguous: a norm over the channels permutes them.
    """
    thin = [
        module
        for module in model.modules()
        if isinstance(module, nn.Conv2d)
        and module.kernel_size == (1, 1)
        and module.in_channels // module.groups < VECTOR
        and max(module.stride) > 1
    ]
    for module in thin:
        if read_contiguous not in module._forward_pre_hooks.values():  # noqa: SLF001
            module.register_forward_pre_hook(read_contiguous)
    return bool(thin)


def read_contiguous(_: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """A hook that makes a module read contiguous maps."""
    return tuple(x.contiguous() for x in args)
