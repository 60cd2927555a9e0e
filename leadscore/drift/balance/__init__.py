"""Whether behaviour outweighs fit, week by week, and what caused it; not how outcomes change."""
