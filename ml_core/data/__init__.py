"""Data: one generic data module and the embedded data sets."""
