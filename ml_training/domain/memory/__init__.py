"""How much memory a job will take at most, from facts about its data: values and rules, nothing is read here.

The bytes are those that a process gains above what it begins with. `make memory` compares the rules with measured
jobs: docs/memory.md.
"""
