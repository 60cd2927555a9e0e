"""From a card to a rulebook that may be published: level, training, gate."""
