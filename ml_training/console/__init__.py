"""The console: the files that a browser runs, as they are, without a build step; `api/console.py` serves them."""
