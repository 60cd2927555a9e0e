"""Arrays in, figures with intervals out; knows no lead, no table and no rulebook."""
