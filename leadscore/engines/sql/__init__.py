"""A rulebook as one SELECT and small look-up tables, for the database where the leads are."""
