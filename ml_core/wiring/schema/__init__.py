"""JSON schemas for the config groups, so that an editor completes and flags keys in YAML files."""
