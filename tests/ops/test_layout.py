"""Height and width are found in whatever a layer gives, by the proportions of the image."""

import pytest
import torch

from convatlas.ops.layout import Layout, layout_of

IMAGE = (3, 224, 224)


@pytest.mark.parametrize(
    ("shape", "size", "layout"),
    [
        ((2, 96, 14, 14), (3, 56, 56), Layout(14, 14, 2)),
        ((2, 14, 14, 96), (3, 56, 56), Layout(14, 14, 1)),
        ((2, 14, 14, 14), (3, 56, 56), Layout(14, 14, 2)),
        ((2, 7, 10, 768), (3, 224, 320), Layout(7, 10, 1)),
        ((2, 768, 7, 10), (3, 224, 320), Layout(7, 10, 2)),
        ((1, 192, 22, 32), (3, 97, 130), Layout(22, 32, 2)),  # convolutions without padding
        ((1, 197, 768), IMAGE, Layout(14, 14, 1, extra=1)),
        ((1, 768, 196), IMAGE, Layout(14, 14, 2, extra=0)),
        ((1, 10, 64), (3, 64, 64), Layout(3, 3, 1, extra=1)),
        ((1, 71, 192), (3, 224, 320), Layout(7, 10, 1, extra=1)),
        ((2, 64, 49, 288), IMAGE, None),  # windows
        ((1, 512, 7, 49), IMAGE, None),
        ((1, 512, 1, 1), IMAGE, None),
        ((1, 51, 768), IMAGE, None),
        ((1, 1000), IMAGE, None),
    ],
)
def test_height_and_width_are_told_from_channels_and_tokens(shape, size, layout):
    assert layout_of(shape, size) == layout


@pytest.mark.parametrize("front", [0, 1])
def test_maps_come_back_from_every_layout(front):
    chw = torch.randn(6, 4, 4)
    tokens = torch.cat([torch.full((1, front, 6), 9.0), chw.flatten(1).T[None]], 1)
    for y in (chw[None], chw[None].permute(0, 2, 3, 1), tokens):
        assert torch.equal(layout_of(y.shape, (3, 8, 8)).maps(y)[0], chw)
