"""A scoring sheet, as companies keep them, read row by row: what each row says, or why nobody can tell."""
