"""Writes a trained model as an ONNX model, and proves that it predicts the same."""
