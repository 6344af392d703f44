"""Helpers, each module named by the question it answers."""
