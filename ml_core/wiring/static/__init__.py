"""Reading source without running it: names, classes, parameters."""
