"""Hosts for real: each has a network namespace and a file system of its own, and a cable that can be pulled."""
