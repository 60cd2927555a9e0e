"""What both sides promised each other, and whether it was kept: promises, and the records they rely on."""
