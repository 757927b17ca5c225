"""Mutants: each patch removes one guard of the package; the test that it names must fail then."""
