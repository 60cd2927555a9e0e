"""The threshold workbench: bars and points tried out in front of sales; what one rulebook scores is in `scoring`."""
