"""The wiring as pictures and tables: boxes for steps, labels for the keys that travel between them."""
