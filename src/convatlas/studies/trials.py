"""What several trainings report beside the events of each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """A trial begins, or is finished already."""

    network: str
    seed: int
    number: int
    of: int
    done: bool


@dataclass(frozen=True, slots=True)
class TrialFailed:
    """A network's row will say why; the others go on."""

    network: str
    reason: str
