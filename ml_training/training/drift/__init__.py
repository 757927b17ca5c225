"""Compares rows with those that a model was trained on; a part a file."""
