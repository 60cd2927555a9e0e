"""The classifier and its card in whole points, as a rulebook; whether to publish it is not decided here."""
