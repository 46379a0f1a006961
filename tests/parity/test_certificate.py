"""What `convatlas verify` finds: no network differs from its reference, but for what is meant and said."""

import pytest
from torchvision import models as reference

from convatlas import catalog
from convatlas.anatomy.verify import Outcome, verify
from convatlas.models import CATALOG, FAMILIES

MEMORY = 4 * 2**30
SMALLEST = [min(family.variants, key=lambda name: catalog.ROWS[name].parameters) for family in FAMILIES]
QUICK = 3_000_000  # parameters of networks whose values are compared in the quick tests too
ELSEWHERE = ("timm", "pytorchcv")


@pytest.mark.parametrize("name", CATALOG)
def test_layout(name):
    (verdict,) = verify([name], quick=True)
    assert verdict.outcome is not Outcome.DIFFERS, str(verdict)
    if name in reference.list_models(module=reference):
        assert verdict.reference.startswith("torchvision")
        assert {check.name for check in verdict.those(Outcome.EQUAL)} >= {"names", "shapes", "types"}
    elif "no-reference" not in CATALOG[name].tags:
        assert verdict.reference.startswith(ELSEWHERE) or verdict.agreement.startswith("equal to the paper")


@pytest.mark.parametrize(
    "name",
    [
        name if name in SMALLEST and catalog.ROWS[name].parameters < QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in CATALOG
    ],
)
def test_values(name):
    (verdict,) = verify([name], MEMORY)
    assert verdict.outcome is not Outcome.DIFFERS, str(verdict)
