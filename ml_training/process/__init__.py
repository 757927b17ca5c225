"""What every long-running process needs: its heartbeat row and its memory settings."""
