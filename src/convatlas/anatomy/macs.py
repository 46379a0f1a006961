"""Multiply-accumulates of one image."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def macs(model: nn.Module, in_channels: int, image_size: int) -> int:
    """Multiplications of convolutions and matrix products for one image, each with the addition that follows it.

    The model is run on its own device in evaluation mode; on the meta device nothing is computed.

    Shapes   the input is (1, in_channels, image_size, image_size)
    Units    one MAC is two FLOPs; norms, activations and pools are not counted, as papers don't
    """
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.empty(1, in_channels, image_size, image_size, device=device))
    model.train(training)
    return counter.get_total_flops() // 2
