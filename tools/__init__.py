"""Programs for developers: benchmarks, chaos, mutants, dashboards under a real Prometheus. `make help` lists them."""
