"""Whether the time of an answer tells that an id of a key is known: `make timing`."""
