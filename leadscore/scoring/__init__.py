"""From tables and a rulebook to points: the plan, the engines that run it, and the scores."""
