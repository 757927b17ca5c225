"""Chaos: the real processes under load, a nemesis with a seed, a history of what was promised, and a checker."""
