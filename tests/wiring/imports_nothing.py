"""A module of somebody's own whose first line is misspelt."""

import nunpy  # type: ignore[import-not-found]


class Net(nunpy.Module):
    pass
