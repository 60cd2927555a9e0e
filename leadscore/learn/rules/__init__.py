"""Rules beside outcomes: evidence, suggestions, learned points of the same rules; no new columns."""
