"""Processes forked from one server that has imported what they need: a fork is instant, the import takes seconds."""

import multiprocessing

FORKS = multiprocessing.get_context("forkserver")
# A process has one fork server, and the last list wins: so both modules are named here.
FORKS.set_forkserver_preload(["tests.support.crashing_worker", "tests.support.counter_stress"])
