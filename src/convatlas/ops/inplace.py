"""Activations that overwrite their input where no hook can see it: a tenth to a quarter of a network's time is memory traffic.

What a hook may look at is never overwritten: with a hook on the layer before or on the activation itself a new tensor is made.
"""

from torch import Tensor, compiler, nn
from torch.nn.functional import hardswish, relu, relu6, silu
from torch.nn.modules import module as hooks
from torch.nn.modules.batchnorm import _BatchNorm

FRESH = (nn.Conv2d, nn.Linear, _BatchNorm)  # layers whose output is a tensor of their own, never their input
ACTIVATIONS = {nn.ReLU: relu, nn.ReLU6: relu6, nn.SiLU: silu, nn.Hardswish: hardswish}
# The backward pass of all but ReLU reads their input: in place they would copy it first, which costs more than a new output.


def has_no_hooks(*modules: nn.Module) -> bool:
    """Whether no hook could keep what passes between these modules; compilers get the plain operations."""
    if compiler.is_compiling() or hooks._global_forward_hooks or hooks._global_forward_pre_hooks:  # noqa: SLF001
        return False
    if hooks._global_backward_hooks or hooks._global_backward_pre_hooks:  # noqa: SLF001
        return False
    return not any(
        m._forward_hooks or m._forward_pre_hooks or m._backward_hooks or m._backward_pre_hooks  # noqa: SLF001
        for m in modules
    )


def relu_after(layer: nn.Module, x: Tensor) -> Tensor:
    """relu(layer(x)) for a convolution, a linear layer or a norm.

    Shapes   x as the layer takes it → as the layer gives it
    """
    return relu(layer(x), inplace=isinstance(layer, FRESH) and has_no_hooks(layer))


def add_(x: Tensor, y: Tensor, *, after: nn.Module) -> Tensor:
    """x + y for a branch y that comes out of `after`: a convolution, a linear layer, a norm, or a sequence that ends in one.

    Shapes   x and y alike, or broadcast to y → as y
    """
    layers = (after, after[-1]) if isinstance(after, nn.Sequential) else (after,)
    return y.add_(x) if isinstance(layers[-1], FRESH) and has_no_hooks(*layers) else x + y


class InplaceSequential(nn.Sequential):
    """Layers one after the other, as `nn.Sequential` names and computes them."""

    def forward(self, x: Tensor) -> Tensor:
        before: nn.Module = self
        for layer in self:
            activation = ACTIVATIONS.get(type(layer))
            if activation and isinstance(before, FRESH) and has_no_hooks(before, layer):
                x = activation(x, inplace=activation is relu or not x.requires_grad)
            else:
                x = layer(x)
            before = layer
        return x
