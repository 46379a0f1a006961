"""A question, a grid of recipes, a verdict."""
