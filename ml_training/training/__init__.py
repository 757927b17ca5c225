"""The engine: fits, stores, loads and evaluates models; it knows no web, queue or database."""
