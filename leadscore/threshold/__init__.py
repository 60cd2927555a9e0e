"""Where the threshold should be: what each one costs and brings, beside simpler ways; points are not learned here."""
