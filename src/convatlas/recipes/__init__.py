"""Functions that return a Recipe, each with its measured claim."""

from .default import default
from .transfer import tuning_recipe

__all__ = ["default", "tuning_recipe"]
