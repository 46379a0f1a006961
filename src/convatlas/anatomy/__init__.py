"""Floor 3: what a network costs, counted without computing anything."""
