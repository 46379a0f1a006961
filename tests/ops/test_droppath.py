"""Stochastic depth as a setting."""

import pytest
from torch import nn

from convatlas.errors import InputError
from convatlas.models import create_on_meta
from convatlas.ops.droppath import DropPath, set_stochastic_depth


def rates(model):
    return [module.p for module in model.modules() if isinstance(module, DropPath)]


@pytest.mark.parametrize("name", ["convnext_tiny", "swin_t"])
def test_at_their_own_rate_nothing_changes(name):
    model = create_on_meta(name)
    before = rates(model)
    set_stochastic_depth(model, before[-1])
    assert rates(model) == pytest.approx(before)
    assert before[0] == 0 < before[-1]


def test_rates_rise_in_proportion():
    model = nn.Sequential(*(DropPath(0.3) for _ in range(5)))
    set_stochastic_depth(model, 0.2)
    assert rates(model) == pytest.approx([0, 0.05, 0.1, 0.15, 0.2])
    set_stochastic_depth(model, 0.0)
    assert rates(model) == [0.0] * 5
    set_stochastic_depth(model[0], 0.4)
    assert model[0].p == 0.4


def test_branches_that_nothing_is_added_to_are_never_skipped():
    model = create_on_meta("efficientnet_b0")
    set_stochastic_depth(model, 0.5)
    blocks = [module for module in model.modules() if hasattr(module, "adds")]
    assert all(block.drop_path.p == 0 for block in blocks if not block.adds)
    added = [block.drop_path.p for block in blocks if block.adds]
    assert added == pytest.approx([0.5 * i / (len(added) - 1) for i in range(len(added))])
    assert len(added) == 9


def test_a_network_without_is_told():
    with pytest.raises(InputError, match="ResNet has no stochastic depth"):
        set_stochastic_depth(create_on_meta("resnet18"), 0.1)
