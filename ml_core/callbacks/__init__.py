"""Callbacks: one a file."""
