"""A convolution whose gradient crashes PyTorch in the channels-last format is kept out of it."""

import pytest
import torch
from torch import nn

from convatlas.ops.conv import prepare_layout


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
    assert (prepare_layout(nn.Sequential(nn.Conv2d(*options)), True) == torch.channels_last) == result
    assert prepare_layout(nn.Conv2d(*options), False) == torch.contiguous_format


def test_what_others_have_permuted_is_read_contiguous():
    """Two preparations, one hook; the values stay."""
    seen, thin = [], nn.Conv2d(4, 8, 1, 2)
    x = torch.randn(2, 4, 6, 6).contiguous(memory_format=torch.channels_last)
    expected = thin(x)
    for _ in range(2):
        prepare_layout(thin, True)
    thin.register_forward_pre_hook(lambda _, args: seen.append(args[0].is_contiguous()))
    torch.testing.assert_close(thin(x), expected)
    assert seen == [True]
    assert len(thin._forward_pre_hooks) == 2
