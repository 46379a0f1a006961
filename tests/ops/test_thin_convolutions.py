"""A convolution whose gradient crashes PyTorch in the channels-last format is kept out of it."""

import pytest
import torch
from torch import nn

from convatlas.ops.conv import layout_to_train


@pytest.mark.parametrize(
    ("options", "result"),
    [
        ((4, 8, 1, 2), False),
        ((8, 16, 1, 2), True),
        ((4, 8, 1, 1), True),
        ((4, 8, 3, 2), True),
    ],
)
def test_only_thin_strided_1x1_convolutions_are_kept_out(options, result):
    assert (layout_to_train(nn.Sequential(nn.Conv2d(*options)), True) == torch.channels_last) == result
    assert layout_to_train(nn.Conv2d(*options), False) == torch.contiguous_format
