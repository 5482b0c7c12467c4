"""What the platform removes after a while, part by part; a dry run counts with the same queries."""
