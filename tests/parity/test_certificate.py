"""No network differs in layout from its reference, but for what is meant and said; values are slow tests of tests/anatomy."""

import pytest
from selection import MODERATE, networks
from torchvision import models as reference

from convatlas.models import CATALOG
from convatlas.verify import Outcome, verify

ELSEWHERE = ("timm", "pytorchcv")
QUICK = {"lenet5", "resnet20", "vgg11"}


@pytest.mark.parametrize("name", networks(CATALOG, QUICK, MODERATE))
def test_layout(name):
    (verdict,) = verify([name], quick=True)
    assert verdict.outcome is not Outcome.DIFFERS, str(verdict)
    if name in reference.list_models(module=reference):
        assert verdict.reference.startswith("torchvision")
        assert {check.name for check in verdict.those(Outcome.EQUAL)} >= {"names", "shapes", "types"}
    elif "no-reference" not in CATALOG[name].tags:
        assert verdict.reference.startswith(ELSEWHERE) or verdict.agreement.startswith("equal to the paper")
