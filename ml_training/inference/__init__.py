"""Uses a trained model: from a table of a user to its predictions; shared by the engine and by the Python client."""
