"""The training engine: fits, scores, stores and loads models."""
