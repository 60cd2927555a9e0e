"""How leads came to sales: who they were, by which route, with which score on that day."""
