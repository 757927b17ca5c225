"""What the API offers: one function per use case, one transaction each."""
