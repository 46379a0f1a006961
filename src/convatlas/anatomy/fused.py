"""Attention as the kernels of CPUs and GPUs compute it, without ever storing the table of all pairs.

On the meta device PyTorch takes its plain formula, which stores that table and doubles the memory of a transformer.
"""

import math
from typing import Any

from torch import Tensor, ops
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

KERNEL = ops.aten._scaled_dot_product_flash_attention_for_cpu  # noqa: SLF001 (the one that runs on the meta device)


class Fused(TorchFunctionMode):
    """While it is entered, attention without a mask or dropout runs the fused kernel on the meta device."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is scaled_dot_product_attention and has_fused_kernel(*args, **(kwargs or {})):
            q, k, v, *_ = args
            causal = bool(kwargs and kwargs.get("is_causal"))
            return KERNEL(q, k, v, 0.0, causal)[0]
        return function(*args, **(kwargs or {}))


def has_fused_kernel(q: Tensor, _: Tensor, v: Tensor, *more: object, **settings: Any) -> bool:
    """Whether there is a fused kernel for it.

    Shapes   q (n, heads, t, d), v (n, heads, t, e): the kernel needs d = e
    """
    plain = not more and not any(settings.get(name) for name in ("dropout_p", "enable_gqa", "scale"))
    return plain and settings.get("attn_mask") is None and q.is_meta and q.ndim == 4 and q.shape[-1] == v.shape[-1]


def flop_counter() -> FlopCounterMode:
    """PyTorch's counter, also where it has no rule for the fused kernel (2.11 has none, 2.15 has one)."""
    return FlopCounterMode(display=False, custom_mapping={KERNEL: attention_flops})


def attention_flops(q: tuple[int, ...], k: tuple[int, ...], v: tuple[int, ...], *_: Any, **__: Any) -> int:
    """FLOPs of attention's two matrix products, two for each multiply-accumulate.

    Shapes   q, k and v are shapes: (n, heads, t, d)
    """
    return 2 * math.prod(q[:-1]) * k[-2] * (q[-1] + v[-1])
