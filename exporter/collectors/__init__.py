"""What the page is made of: one question a file, listed in `exporter.__main__`."""
