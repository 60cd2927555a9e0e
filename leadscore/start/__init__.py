"""What a user already has, as files to start from: a rulebook out of a scoring sheet; no figure is computed here."""
