"""What `precedent up` runs: Dagster's services, their supervisor, and the door before the web page."""
