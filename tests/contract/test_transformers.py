"""What transformers know of places: windows, offsets, and tables that are resized where images change their size."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convatlas.errors import InputError
from convatlas.models import CATALOG, create_model, create_on_meta
from convatlas.models.swin import strangers
from convatlas.ops.attention import join_windows, offset_index, resize_table, windows
from convatlas.weights import load_into
from convatlas.weights.load import DERIVED

SLIM = {
    "vit_b_16": {"depth": 1, "width": 32, "heads": 2},
    "swin_t": {"depths": (2, 1, 1, 1), "width": 32},
    "swin_v2_t": {"depths": (2, 1, 1, 1), "width": 32},
    "maxvit_t": {"depths": (1, 1, 1, 1), "width": 32},
}
SIDES = st.integers(1, 4)


@given(rows=SIDES, columns=SIDES, window=SIDES, first=st.booleans())
@settings(deadline=None)
def test_windows_come_apart_and_together(rows, columns, window, first):
    x = torch.arange(2 * 3 * rows * columns * window**2).reshape(2, rows * window, columns * window, 3)
    x = x.permute(0, 3, 1, 2) if first else x
    y = windows(x, window, channels_first=first)
    assert y.shape == (2, rows * columns, window**2, 3)
    assert torch.equal(join_windows(y, rows, channels_first=first), x)
    corner = x[1, :, :window, :window].flatten(1).T if first else x[1, :window, :window].flatten(0, 1)
    assert torch.equal(y[1, 0], corner)


@pytest.mark.parametrize("window", [1, 2, 4, 7])
def test_pairs_share_a_row_exactly_where_their_offset_is_the_same(window):
    index = offset_index(window)
    place = torch.cartesian_prod(torch.arange(window), torch.arange(window))
    offsets = place[:, None] - place[None]
    same = (offsets[:, :, None, None] == offsets).all(-1)
    assert torch.equal(index[:, :, None, None] == index, same)
    assert (index.min(), index.max()) == (0, (2 * window - 1) ** 2 - 1)


@given(rows=st.integers(2, 4), columns=st.integers(2, 4), shift=st.integers(1, 3))
@settings(deadline=None)
def test_shifted_windows_keep_to_pixels_that_were_neighbors(rows, columns, shift):
    h, w = 4 * rows, 4 * columns
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    place = torch.stack([y, x], -1)[None].roll((-shift, -shift), (1, 2))
    place = windows(place, 4)[0]
    near = ((place[:, :, None] - place[:, None]).abs() < 4).all(-1)
    found = strangers((h, w), (shift, shift), 4, torch.empty(0))
    assert torch.equal(found[:, 0] == 0, near)
    assert set(found.unique().tolist()) == {-100.0, 0.0}


def test_resized_tables_keep_corners_and_the_middle():
    table = torch.randn(13 * 13, 3)
    assert torch.equal(resize_table(table, 13 * 13), table)
    small = resize_table(table, 7 * 7).unflatten(0, (7, 7))
    grid = table.unflatten(0, (13, 13))
    torch.testing.assert_close(small[::3, ::3], grid[::6, ::6])
    assert resize_table(table, 50) is None
    assert resize_table(table[1:], 49) is None
    assert resize_table(table.double(), 49).dtype == torch.float64


@pytest.mark.parametrize("new", [pytest.param(384, marks=pytest.mark.slow), 224, 96, 32])
@pytest.mark.parametrize("name", SLIM)
def test_weights_move_to_other_sizes(name, new, tmp_path):
    family = CATALOG[name]
    torch.manual_seed(0)
    model = create_model(name, num_classes=5, **SLIM[name])
    torch.save(model.state_dict(), tmp_path / "native.pth")
    other = create_model(name, num_classes=5, image_size=new, **SLIM[name])
    shapes = {key: value.shape for key, value in model.state_dict().items()}
    differ = {key for key, value in other.state_dict().items() if shapes[key] != value.shape and not key.endswith(DERIVED)}
    loaded = load_into(other, tmp_path / "native.pth", family)
    assert {*loaded.adapted, *loaded.fresh} == differ
    assert set(loaded.fresh) <= {f"{family.stem}.weight"}
    if name == "vit_b_16":
        assert torch.equal(other.encoder.pos_embedding[:, 0], model.encoder.pos_embedding[:, 0])
    with torch.no_grad():
        assert other.eval()(torch.randn(2, 3, new, new)).isfinite().all()


@pytest.mark.parametrize("name", ["vit_b_16", "maxvit_t"])
@pytest.mark.parametrize("side", [32, 96])
def test_another_size_than_built_for_is_named(name, side):
    model = create_on_meta(name, image_size=side, num_classes=2, **SLIM[name])
    assert model(torch.empty(2, 3, side, side, device="meta")).shape == (2, 2)
    for h, w in ((side + 32, side + 32), (side, side + 32), (side - 8, side)):
        with pytest.raises(ValueError, match=rf"built for {side}x{side} images, got {h}x{w}"):
            model(torch.empty(2, 3, h, w, device="meta"))


@pytest.mark.parametrize(("name", "changes"), [
    ("vit_b_16", {"heads": 7}), ("vit_b_16", {"patch": 15}), ("swin_t", {"width": 100}), ("maxvit_t", {"width": 100}),
])  # fmt: skip
def test_what_does_not_divide_is_named(name, changes):
    with pytest.raises(InputError, match=r"multiple of|fill"):
        create_on_meta(name, **changes)


def test_windows_that_never_shift_never_meet():
    torch.manual_seed(0)
    x = torch.randn(1, 3, 64, 64)
    changed = x.clone()
    changed[..., :8, :8] += 1  # the first window of the first stage: 4x4 patches of 2x2 pixels
    for shift, meet in ((True, True), (False, False)):
        model = create_model("swin_t", image_size=64, shift=shift, **SLIM["swin_t"]).eval()
        with torch.no_grad():
            a, b = (model.features[:2](image) for image in (x, changed))
        assert torch.equal(a[:, 4:], b[:, 4:]) is not meet
        assert not torch.equal(a[:, :4, :4], b[:, :4, :4])
