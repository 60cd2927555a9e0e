"""Points learned from outcomes: snapshots, the classifier, its points card, evidence for rules, and the gate."""
