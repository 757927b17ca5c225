"""What the Helm chart takes from the code: which settings there are, and what each may be."""
