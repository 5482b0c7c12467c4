"""What every request passes: host, origin, size, who asks."""
