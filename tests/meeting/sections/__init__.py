"""The page that both teams read."""
