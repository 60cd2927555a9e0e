"""What goes with being accepted, won or moving on: traits, words, content; none of it is a cause."""
