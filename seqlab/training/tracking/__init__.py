"""What trackers (TensorBoard, W&B, MLflow) get beside the metrics that Lightning logs: config, pictures and model."""

from seqlab.training.tracking.loggers import keep_to_itself, tracked

__all__ = ["keep_to_itself", "tracked"]
