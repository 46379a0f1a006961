"""Every network keeps the contract of the catalogue: any classes, channels and sizes, and whatever PyTorch does to modules."""

import copy
from functools import cache

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from convatlas import catalog
from convatlas.models import CATALOG, FAMILIES, create_model, on_meta
from convatlas.models.family import SMALL

SMALLEST = [min(family.variants, key=lambda name: catalog.ROWS[name].parameters) for family in FAMILIES]
IMAGENET = [name for name in CATALOG if CATALOG[name].native_of(name).num_classes == 1000]
SLIM = {
    "vgg": {"width": 16},
    "resnet": {"width": 16},
    "densenet": {"depths": (2, 2, 2)},
    "convnext": {"depths": (1, 1, 1, 1), "width": 24},
}  # what makes a test quick where size changes nothing
STEMS = ["alexnet", "alexnet_2012", "vgg11", "resnet18", "densenet121", "convnext_tiny"]  # the ways into an ImageNet network


@cache
def shapes(name, **options):
    return {key: tuple(value.shape) for key, value in on_meta(name, **options).state_dict().items()}


def meta(n, c, h, w=None):
    return torch.empty(n, c, h, w or h, device="meta")


def small(name, *, slim=True):
    """The network for the smallest images it takes, with five classes, and a batch for it."""
    family = CATALOG[name]
    torch.manual_seed(0)
    native = family.native_of(name)
    model = create_model(name, num_classes=5, image_size=native.smallest, **SLIM.get(family.name, {}) if slim else {})
    return model, torch.randn(4, native.in_channels, native.smallest, native.smallest)


@pytest.mark.parametrize("name", CATALOG)
def test_only_the_head_and_the_stem_depend_on_classes_and_channels(name):
    family, usual = CATALOG[name], shapes(name)
    stem, head = f"{family.stem}.weight", [key for key in usual if key.startswith(f"{family.head}.")]
    changed = shapes(name, num_classes=3, in_channels=12)
    assert list(changed) == list(usual)
    assert [key for key in usual if changed[key] != usual[key]] == [stem, *head]
    assert changed[stem][1] == 12
    assert all(changed[key] == (3, *usual[key][1:]) for key in head)


@pytest.mark.parametrize("name", IMAGENET)
def test_small_form_keeps_every_name(name):
    native, little = shapes(name), shapes(name, image_size=32)
    assert list(native) == list(little)
    differ = {key for key in native if native[key] != little[key]}
    sized = {key for key in native if key.startswith(tuple(f"{module}." for module in CATALOG[name].sized))}
    assert differ <= sized | {f"{CATALOG[name].stem}.weight"}


@pytest.mark.parametrize("side", [32, 64])
@pytest.mark.parametrize("name", STEMS)
def test_small_images_leave_a_map_to_average(name, side):
    assert shapes(name, image_size=side) == shapes(name, image_size=SMALL)
    model, seen = on_meta(name, num_classes=10, image_size=side), []
    model.avgpool.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape[2:]))
    assert model(meta(2, 3, side)).shape == (2, 10)
    assert min(seen[0]) >= 4


@pytest.mark.parametrize("name", STEMS)
def test_any_size_works_that_can_be_asked_for(name):
    for side in (33, 65, 66, 67):
        assert on_meta(name, num_classes=2, image_size=side)(meta(2, 3, side)).shape == (2, 2), side


@pytest.mark.parametrize("name", [name for name in sorted({*SMALLEST, *STEMS}) if "fixed-size" not in CATALOG[name].tags])
def test_odd_sizes(name):
    assert on_meta(name, num_classes=5, image_size=64)(meta(2, 3, 75, 53)).shape == (2, 5)
    assert on_meta(name, num_classes=5)(meta(2, 3, 225, 131)).shape == (2, 5)


@pytest.mark.parametrize("name", [name for name in SMALLEST if "fixed-size" in CATALOG[name].tags])
def test_fixed_sizes_are_what_they_were_built_for(name):
    smallest = CATALOG[name].native_of(name).smallest
    for side in range(smallest, smallest + 9):
        x = meta(2, 3, side)
        assert on_meta(name, in_channels=3, image_size=side)(x).shape == (2, 10)
        with pytest.raises(RuntimeError):
            on_meta(name, in_channels=3, image_size=side + 8)(x)


@pytest.mark.parametrize("name", SMALLEST)
def test_channels_and_features(name):
    family = CATALOG[name]
    smallest = family.native_of(name).smallest
    whole = on_meta(name, image_size=smallest)
    head = whole.get_submodule(family.head)
    width = head.in_features if isinstance(head, nn.Linear) else 84
    for channels in (1, 4, 12):
        model = on_meta(name, num_classes=0, in_channels=channels, image_size=smallest)
        assert model(meta(2, channels, smallest)).shape == (2, width)
        assert list(model.state_dict()) == [key for key in whole.state_dict() if not key.startswith(f"{family.head}.")]


def test_vgg_for_small_images_has_a_small_classifier():
    layers = create_model("vgg11_bn", num_classes=10, image_size=32).classifier
    linear = [(layer.in_features, layer.out_features) for layer in layers if isinstance(layer, nn.Linear)]
    assert linear == [(512, 512), (512, 512), (512, 10)]
    assert [layer.p for layer in layers if isinstance(layer, nn.Dropout)] == [0.5, 0.5]


@pytest.mark.parametrize("name", SMALLEST)
def test_every_parameter_gets_a_finite_gradient(name):
    model, x = small(name, slim=False)
    loss = cross_entropy(model(x), torch.arange(4))
    loss.backward()
    assert loss.isfinite()
    assert not [key for key, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not [key for key, p in model.named_parameters() if not p.grad.any()]


@pytest.mark.parametrize("name", SMALLEST)
def test_images_do_not_see_each_other_in_evaluation(name):
    model, x = small(name)
    with torch.no_grad():
        before = model.eval()(x)
        x[1:] += 1
        after = model(x)
    assert torch.equal(before[0], after[0])
    assert not torch.allclose(before[1], after[1])


@pytest.mark.parametrize("name", SMALLEST)
def test_a_copy_is_equal_and_independent(name):
    model, x = small(name)
    twin = copy.deepcopy(model.eval())
    with torch.no_grad():
        expected = model(x)
        for p in model.parameters():
            p.zero_()
        assert torch.equal(twin(x), expected)
        assert not torch.equal(model(x), expected)


@pytest.mark.parametrize("name", SMALLEST)
def test_one_seed_gives_one_network(name):
    (a, _), (b, _) = small(name), small(name)
    assert all(torch.equal(mine, other) for mine, other in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


@pytest.mark.parametrize("name", SMALLEST)
def test_bfloat16_autocast(name):
    model, x = small(name)
    expected = model.eval()(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model(x)
    found.float().square().mean().backward()
    assert (found.float() - expected).abs().max() < 0.03 * expected.abs().max()
    assert not torch.equal(found.float(), expected)
    assert all(p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("name", SMALLEST)
def test_export_for_any_batch(name):
    model, x = small(name)
    program = torch.export.export(model.eval(), (x,), dynamic_shapes=({0: torch.export.Dim("n", min=2, max=64)},))
    with torch.no_grad():
        torch.testing.assert_close(program.module()(x[:3]), model(x[:3]))


@pytest.mark.parametrize("name", SMALLEST)
def test_channels_last_computes_the_same(name):
    model, x = small(name)
    with torch.no_grad():
        expected = model.eval()(x)
        found = model.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())
