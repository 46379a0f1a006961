"""The pictures of each look: computed in `insight`, drawn in `views`, with title and caption."""
