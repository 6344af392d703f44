"""Data that is read as it comes: many Parquet files, or any data set that is iterated over, as dict batches.

The order of a stream follows from seed and epoch alone, each reader (a worker of a rank) has its share of the rows,
and the position of a reader is a handful of numbers that travel with its batches into the checkpoint.
"""

from ml_core.data.streaming.parquet import ParquetStream
from ml_core.data.streaming.samples import SampleStream
from ml_core.data.streaming.stage import is_stream, streamed
from ml_core.data.streaming.streamed_batches import StreamedBatches

__all__ = ["ParquetStream", "SampleStream", "StreamedBatches", "is_stream", "streamed"]
