"""Made-up funnels with the truth known; no real data."""
