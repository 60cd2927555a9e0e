"""Leads as they stood on past days, with what came of them; nothing is fitted here."""
