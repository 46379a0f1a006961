"""The head of a network: the module that gives the logits."""

from torch import Tensor, nn

from ..errors import InputError
from ..models import FAMILIES
from ..ops.trace import Operation, Trace

HEADS: dict[object, str] = {family.build: family.heads[0] for family in FAMILIES}
HARMLESS = frozenset(
    "flatten reshape view squeeze contiguous mean relu relu6 dropout softmax log_softmax sigmoid "
    "avg_pool2d adaptive_avg_pool2d".split()
)
"""Operations that may follow a head: they change neither the number of classes nor their order."""


def head_of(model: nn.Module, x: Tensor) -> nn.Module | None:
    """The module that gives the logits: known for families, else the last linear layer or 1x1 convolution.

    None if the network ends otherwise: it has no head. A network of no family runs on `x`.

    Shapes   x (n, c, h, w)
    Raises   InputError if its last step is such a layer, but not a module of its own
    """
    if type(model) in HEADS:
        return model.get_submodule(HEADS[type(model)])
    ran: list[Operation] = []
    with Trace(model, ran.append):
        model(x)
    last = next((o for o in reversed(ran) if o.kind not in HARMLESS), None)
    if last is None or not (last.kind == "linear" or (last.kind == "conv2d" and tuple(last.args[1].shape[2:]) == (1, 1))):
        return None
    if not isinstance(last.module, nn.Linear | nn.Conv2d):
        raise InputError(f"{last.name} gives the logits, but is no module of its own: name the layer before it")
    return last.module
