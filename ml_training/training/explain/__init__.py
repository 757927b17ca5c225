"""Looks at a stored model on rows of a data set: what it has learnt, and where it is right; a part a file."""
