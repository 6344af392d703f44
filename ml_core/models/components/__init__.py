"""Network components: plain modules that take tensors and know no batch keys."""
