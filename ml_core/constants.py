"""Named numbers."""

TORCH_COMPILE_MINIMUM_CUDA_VERSION = 7
"""Lowest major CUDA compute capability for which `model.compile=true` compiles."""

DEFAULT_SPLIT_SEED = 42
"""Seed of the train/validation split when the configuration names none."""

DEFAULT_LANGUAGE_MODEL = "gpt-5-nano"
"""Model that writes a function when the configuration names none."""
