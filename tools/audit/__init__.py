"""`make audit`: what the service is made of, under which licences, and what is known against it."""
