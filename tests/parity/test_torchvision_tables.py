"""Every variant torchvision has: the same names in the same order, shapes, dtypes and costs, compared without values."""

import pytest
import torch
from torchvision import models as reference

from convatlas import catalog
from convatlas.models import CATALOG, count_parameters, on_meta

VARIANTS = [name for name in CATALOG if name in reference.list_models()]


def layout(model):
    return [(name, tuple(value.shape), value.dtype) for name, value in model.state_dict().items()]


def test_only_tagged_families_lack_a_reference():
    without = {family.name for name, family in CATALOG.items() if name not in VARIANTS}
    tagged = {family.name for family in CATALOG.values() if "no-reference" in family.tags}
    assert tagged == without - {"alexnet", "densenet"}  # of these two, one variant each has none
    assert len(VARIANTS) == 27


@pytest.mark.parametrize("name", VARIANTS)
def test_state_dict_is_the_references(name):
    """With its 1000 classes; that other numbers change the head alone is in the contract."""
    ours = on_meta(name)
    with torch.device("meta"):
        theirs = reference.get_model(name)
    assert layout(ours) == layout(theirs)
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    assert count_parameters(ours) == count_parameters(theirs)


@pytest.mark.parametrize("name", VARIANTS)
def test_sizes_are_the_published_ones(name):
    published = next(iter(reference.get_model_weights(name))).meta
    assert catalog.ROWS[name].parameters == published["num_params"]
    assert round(catalog.ROWS[name].macs / 1e9, 3) == published["_ops"]
    assert catalog.ROWS[name].top1 == published["_metrics"]["ImageNet-1K"]["acc@1"]
