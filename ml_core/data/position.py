"""Where in the data is a training: which epoch, and how many of its batches have been trained on?"""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Trainer


class Position:
    """Epoch and batch of a loader, in the terms of a checkpoint.

    A loader hands out batches before they are trained on, and some of them are fetched ahead: only the trainer knows
    which have been.

    Args:
        trainer: Trains on the batches; without one, all batches that were handed out are taken for trained on.

    Attributes:
        epoch: Number of the epoch of the last pass.
        handed_out: Batches of that epoch that were handed out.
    """

    def __init__(self, trainer: Trainer | None = None) -> None:
        self.trainer = trainer
        self.epoch, self.handed_out = 0, 0
        self._resumed: tuple[int, int] | None = None
        self._ahead = 0

    @property
    def is_resumed(self) -> bool:
        """Whether a position has been loaded that no pass has gone on from yet."""
        return self._resumed is not None

    def begin(self, counted: int) -> tuple[int, int]:
        """Return epoch and first batch of a pass that begins now.

        Args:
            counted: Number of the epoch, as the trainer counts.
        """
        first = 0
        if self._resumed is not None:
            epoch, batch = self._resumed
            first = self._done(batch)
            self._resumed = None
            # Lightning counts one epoch too many when it resumes, under `max_steps`, at the end of one.
            self._ahead = counted - (epoch if first or not batch else epoch + 1)
        self.epoch, self.handed_out = counted - self._ahead, first
        return self.epoch, first

    def trained(self) -> int:
        """Return how many batches of this epoch have been trained on."""
        if self.trainer is None:
            return self.handed_out
        return int(self.trainer.fit_loop.epoch_loop.batch_progress.current.processed)  # type: ignore[attr-defined]

    def state_dict(self) -> dict[str, Any]:
        """Return `epoch` and `batch`: the number of its batches that have been trained on."""
        epoch, batch = self._resumed or (self.epoch, self.trained())
        return {"epoch": epoch, "batch": batch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next pass go on where the state was saved."""
        self._resumed = state["epoch"], state["batch"]

    def _done(self, batch: int) -> int:
        """Return how many batches the trainer takes for done in the epoch that begins or goes on."""
        if self.trainer is None:
            return batch
        return self.trained() if self.trainer.fit_loop.restarting else 0
