"""What the page is made of: one collector a file, all of them listed in `exporter.__main__`."""
