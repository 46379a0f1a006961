"""Multiply-accumulates of one image."""

import torch
from torch import nn

from .fused import flop_counter
from .layers import example, without_values


def macs(model: nn.Module, in_channels: int, image_size: int) -> int:
    """Multiplications of convolutions and matrix products for one image, each with the addition that follows it.

    The model runs in evaluation mode and without values, so that nothing is computed.

    Shapes   the input is (1, in_channels, image_size, image_size)
    Units    one MAC is two FLOPs; norms, activations and pools are not counted, as papers don't
    """
    with without_values(model), torch.no_grad(), flop_counter() as counter:
        model.eval()
        model(example(model, (in_channels, image_size, image_size)))
    return counter.get_total_flops() // 2
