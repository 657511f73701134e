"""Log the config, pictures and model of a run to trackers (TensorBoard, W&B, MLflow), in addition to its metrics."""

from seqlab.training.tracking.loggers import keep_to_itself, tracked

__all__ = ["keep_to_itself", "tracked"]
