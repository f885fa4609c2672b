"""Jobs as values, and the decisions about them: pure. Nothing that waits, connects or reads a clock may come in."""
