"""Deals and money: what was opened, by way of which channel, what is stuck and what the open ones are worth."""
