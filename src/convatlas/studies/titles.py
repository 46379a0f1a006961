"""What the rows of a comparison are called, and how many there are, in words."""

from collections.abc import Sequence

from ..engine.recipe import Recipe

NUMBERS = {1: "One", 2: "Two", 3: "Three", 4: "Four", 5: "Five", 6: "Six", 7: "Seven", 8: "Eight", 9: "Nine", 10: "Ten"}


def titles(recipes: Sequence[Recipe]) -> list[str]:
    """What the rows are called: networks, strategies of one network, or both."""
    if len({recipe.strategy for recipe in recipes}) == 1:
        return [recipe.model for recipe in recipes]
    if len({recipe.model for recipe in recipes}) == 1:
        return [recipe.strategy for recipe in recipes]
    return [f"{recipe.model}, {recipe.strategy}" for recipe in recipes]


def count_in_words(recipes: Sequence[Recipe]) -> str:
    """`Two networks`, or `Three strategies for resnet20`."""
    models, strategies = ({getattr(recipe, name) for recipe in recipes} for name in ("model", "strategy"))
    number = NUMBERS.get(len(recipes), str(len(recipes)))
    if len(strategies) == 1:
        return f"{number} network{'s' * (len(recipes) > 1)}"
    of = f" for {recipes[0].model}" if len(models) == 1 else " and networks"
    return f"{number} strategies{of}"
