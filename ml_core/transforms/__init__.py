"""Transforms: callables that read a dict batch and return new keys."""
