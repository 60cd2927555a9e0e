"""Two periods side by side: what changed, split exactly; no alarm is raised here."""
