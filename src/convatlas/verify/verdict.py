"""The result of checking a network: each comparison, and a sentence that sums them up."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How a comparison came out, from best to worst; what was not compared does not count."""

    SKIPPED = "not compared"
    EQUAL = "equal"
    CLOSE = "equal within"  # a rounding apart
    KNOWN = "differs knowingly"
    DIFFERS = "DIFFERS"


ORDER = tuple(Outcome)
LAYOUT, PAPER = "equal in layout", "equal to the paper"


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison."""

    name: str
    outcome: Outcome
    found: str = ""
    expected: str = ""
    why: str = ""  # where the expectation comes from; why it differs knowingly or was not compared
    difference: float | None = None  # largest of a tensor's entries, relative to the largest entry of the reference's

    def __str__(self) -> str:
        if self.outcome is Outcome.SKIPPED:
            return f"{self.name} {self.outcome}: {self.why}"
        if self.outcome is Outcome.KNOWN:
            return f"{self.name} {self.found}{f' instead of {self.expected}' if self.expected else ''}: {self.why}"
        if self.outcome is Outcome.DIFFERS:
            return f"{self.name} {self.found}" + (f", expected {self.expected}" if self.expected else "")
        return f"{self.name} {self.found}".rstrip()


def equality_check(name: str, value: object, expected: object, why: str = "") -> Check:
    """The check that two values are equal, as text."""
    outcome = Outcome.EQUAL if str(value) == str(expected) else Outcome.DIFFERS
    return Check(name, outcome, str(value), str(expected), why)


def skipped_check(name: str, why: str) -> Check:
    """The check that could not be made."""
    return Check(name, Outcome.SKIPPED, why=why)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A network, what it was compared with, and how each comparison came out."""

    name: str
    family: str
    reference: str  # a library with its version, or the paper
    parameters: int  # trainable
    checks: tuple[Check, ...]
    history: str  # where paper, first release and today's reference differ, as the family's file says
    seconds: float

    @property
    def outcome(self) -> Outcome:
        """The worst of all checks that were made."""
        return max((check.outcome for check in self.checks), key=ORDER.index, default=Outcome.SKIPPED)

    @property
    def difference(self) -> float | None:
        """The largest difference between two tensors; None if no values were compared."""
        return max((check.difference for check in self.checks if check.difference is not None), default=None)

    def those(self, outcome: Outcome) -> list[Check]:
        """The checks with that outcome."""
        return [check for check in self.checks if check.outcome is outcome]

    def __str__(self) -> str:
        """`equal within 2e-15; differs knowingly: …; values not compared: …`, or what differs alone."""
        if wrong := self.those(Outcome.DIFFERS):
            return f"{Outcome.DIFFERS}: {'; '.join(map(str, wrong))}"
        known, left = (list(map(str, self.those(outcome))) for outcome in (Outcome.KNOWN, Outcome.SKIPPED))
        return "; ".join(filter(None, [self.agreement, f"{Outcome.KNOWN}: {'; '.join(known)}" if known else "", *left]))

    @property
    def agreement(self) -> str:
        """How far the equality goes, in words."""
        if self.difference is not None:
            return f"{Outcome.CLOSE} {self.difference:.0e}" if self.difference else str(Outcome.EQUAL)
        if any(check.name == "names" for check in self.checks):
            return LAYOUT
        equal = [check.name for check in self.those(Outcome.EQUAL)]
        return f"{PAPER} ({', '.join(equal)})" if equal else ""

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the words of the verdict; an infinite difference, of what one of both lacks, is null."""
        checks = [asdict(check) | {"difference": finite(check.difference)} for check in self.checks]
        more = {"outcome": self.outcome.value, "difference": finite(self.difference), "verdict": str(self)}
        return asdict(self) | {"checks": checks} | more


def finite(value: float | None) -> float | None:
    """The number, if JSON has it."""
    return value if value is not None and math.isfinite(value) else None


def summary(verdicts: Sequence[Verdict]) -> str:
    """All verdicts in a few sentences."""
    wrong = [v.name for v in verdicts if v.outcome is Outcome.DIFFERS]
    fine = [v for v in verdicts if v.outcome is not Outcome.DIFFERS]
    apart = max((v.difference or 0.0 for v in fine), default=0.0)
    counts = {
        "equal to the last bit": sum(v.difference == 0 for v in fine),
        f"equal within {apart:.0e}": sum(bool(v.difference) for v in fine),
        LAYOUT: sum(v.agreement == LAYOUT for v in fine),
        PAPER: sum(v.agreement.startswith(PAPER) for v in fine),
        "not compared": sum(not v.agreement for v in fine),
    }
    parts = ", ".join(f"{count} {words}" for words, count in counts.items() if count)
    known = sum(bool(v.those(Outcome.KNOWN)) for v in fine)
    sentences = f"{len(verdicts)} network{'s' if len(verdicts) != 1 else ''}{': ' if parts else ''}{parts}."
    if known:
        sentences += f" {known} differ{'s' if known == 1 else ''} knowingly."
    end = f"Unexplained differences: {', '.join(wrong)}." if wrong else "No unexplained difference."
    return f"{sentences} {end}"
