"""How weights are initialized."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, Literal

from torch import Tensor, nn
from torch.nn import init
from torch.overrides import TorchFunctionMode


def he_normal(model: nn.Module, mode: Literal["fan_in", "fan_out"] = "fan_out") -> None:
    """Convolutions drawn from N(0, 2 / fan), so that a ReLU network keeps the variance of what flows through it.

    The fan is what one output reads (fan_in) or one input feeds (fan_out), its own group alone: PyTorch's fan_out counts all
    groups, under which a depthwise network's signal dies. Biases start at zero. Linear layers keep PyTorch's own start.

    Source   He et al. 2015, arXiv:1502.01852, eq. 10 (fan_in: forward) and eq. 14 (fan_out: backward)
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            channels = module.in_channels if mode == "fan_in" else module.out_channels
            init.normal_(module.weight, std=(2 / (channels // module.groups * prod(module.kernel_size))) ** 0.5)
            if module.bias is not None:
                init.zeros_(module.bias)


def normal_linear(model: nn.Module, std: float = 0.01) -> None:
    """Linear layers drawn from N(0, std²), biases at zero: every class starts equally likely."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            init.normal_(module.weight, std=std)
            if module.bias is not None:
                init.zeros_(module.bias)


class SkipInit(TorchFunctionMode):
    """Skips all initialization: on the meta device it fills nothing, but takes most of the time."""

    STARTS = frozenset({
        init.kaiming_normal_, init.kaiming_uniform_, init.normal_, init.uniform_, init.constant_,
        Tensor.normal_, Tensor.uniform_, Tensor.fill_, Tensor.zero_, Tensor.erfinv_, Tensor.mul_, Tensor.add_, Tensor.clamp_,
    })  # fmt: skip

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in self.STARTS:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)
