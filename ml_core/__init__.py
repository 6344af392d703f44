"""ml_core: deep-learning experiments as YAML and nothing else."""

__version__ = "0.1.0"
