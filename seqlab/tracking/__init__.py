"""What trackers (TensorBoard, W&B, MLflow) get beside the metrics that Lightning logs: config, pictures and model."""

from seqlab.tracking.logged import close, keep_to_itself, log_config, log_results

__all__ = ["close", "keep_to_itself", "log_config", "log_results"]
