"""Functions that return a Recipe, each with its measured claim."""

from .default import default
from .idle import refuse_idle
from .transfer import tuning_recipe

__all__ = ["default", "refuse_idle", "tuning_recipe"]
