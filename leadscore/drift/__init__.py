"""Drift: since when something changes, how sure that is, and what is to blame."""
