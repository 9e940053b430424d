"""Print the commit at HEAD of a git repository."""
