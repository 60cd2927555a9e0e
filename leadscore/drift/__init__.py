"""Drift: whether behaviour begins to outweigh fit, what changed, and what is to blame."""
