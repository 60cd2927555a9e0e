"""The rulebook: the document, its text, and what can be said of it before any data is seen."""

from leadscore.rulebook.book import Rulebook
from leadscore.rulebook.check import Finding

__all__ = ["Finding", "Rulebook"]
