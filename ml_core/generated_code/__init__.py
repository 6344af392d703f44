"""Functions that a language model writes: asked for, checked, kept in files and loaded."""
