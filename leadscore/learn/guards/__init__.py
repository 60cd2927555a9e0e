"""What to know before a fit is trusted: leaks, calendars, thin data; nothing is fitted here."""
