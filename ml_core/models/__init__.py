"""The generic Lightning module, its losses and metrics, and network components."""
