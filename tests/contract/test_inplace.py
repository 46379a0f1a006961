"""Activations overwrite what nobody can see, and nothing else."""

import pytest
import torch
from torch import nn
from torch.nn.functional import relu

from convatlas.ops.inplace import InplaceSequential, has_no_hooks, relu_after


def layers():
    torch.manual_seed(0)
    return nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()


@pytest.mark.parametrize("activation", [nn.ReLU, nn.ReLU6, nn.SiLU, nn.Hardswish])
def test_a_chain_computes_what_a_sequence_computes(activation):
    made = *layers()[:2], activation(), nn.Dropout(0.5), activation()
    x = torch.randn(2, 3, 8, 8)
    chain, plain = InplaceSequential(*made), nn.Sequential(*made)
    assert list(chain.state_dict()) == list(plain.state_dict())
    for mode in (True, False):
        torch.manual_seed(1)
        found = chain.train(mode)(x)
        torch.manual_seed(1)
        assert torch.equal(found, plain.train(mode)(x))


def test_nothing_is_allocated_where_nobody_looks():
    conv, norm, _ = layers()
    x = conv(torch.randn(1, 3, 8, 8)).detach()
    norm.forward = lambda _: x  # so that what is overwritten can be seen from here
    assert relu_after(norm, x) is x
    assert x.min() == 0


@pytest.mark.parametrize("watched", [0, 1, 2])
@pytest.mark.parametrize("kind", ["register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook"])
def test_what_a_hook_can_see_is_kept(watched, kind):
    chain, seen = InplaceSequential(*layers()), []
    getattr(chain[watched], kind)(lambda _, *tensors: seen.append(tensors))
    expected = nn.Sequential(*layers())(x := torch.randn(1, 3, 8, 8, requires_grad=True))
    found = chain(x)
    assert torch.equal(found, expected)
    found.sum().backward()
    assert seen
    if (watched, kind) == (1, "register_forward_hook"):
        assert torch.equal(relu(seen[0][1]), found)
        assert seen[0][1].min() < 0


def test_a_global_hook_is_a_witness_too():
    assert has_no_hooks(nn.ReLU())
    handle = nn.modules.module.register_module_forward_hook(lambda *_: None)
    assert not has_no_hooks(nn.ReLU())
    handle.remove()
    assert has_no_hooks(nn.ReLU())


def test_an_input_is_never_overwritten():
    """A layer may hand its input on; what follows must not write into the caller's tensor."""
    x = torch.randn(2, 3)
    kept = x.clone()
    for before in (nn.Identity(), nn.Dropout(0.5), nn.Flatten()):
        InplaceSequential(before, nn.ReLU()).eval()(x)
        relu_after(before, x)
        InplaceSequential(nn.ReLU())(x)
    assert torch.equal(x, kept)
