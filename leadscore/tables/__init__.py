"""The three tables, leads, events and outcomes, under one contract; nothing is scored here."""
