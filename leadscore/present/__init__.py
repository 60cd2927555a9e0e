"""Results as sections, shown as text, HTML, Markdown and JSON; knows no lead, and no figure is made here."""
