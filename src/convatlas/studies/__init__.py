"""Floor 6: a question, a grid of recipes, a verdict."""
