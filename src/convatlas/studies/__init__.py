"""Floor 5: a question, a grid of recipes, a verdict."""
