"""Learning rates before training: what a schedule does, and which rate suits a network."""
