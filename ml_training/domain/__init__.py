"""Values and rules of the service, without any I/O."""
