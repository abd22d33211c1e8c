"""Points in two dimensions."""
