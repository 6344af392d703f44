"""An experiment is built and a batch sent through it, without a trainer and without a trace."""
