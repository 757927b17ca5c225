"""What every long-running process of the service needs, whatever its work is."""
