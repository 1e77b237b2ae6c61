"""What lists have in common: their queries and their pages."""
