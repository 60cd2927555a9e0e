"""What changed since when: how far two samples of leads are apart, and what a change of MQL volume is made of."""
