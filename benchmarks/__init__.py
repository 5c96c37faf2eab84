"""What tracing costs: scripts that anyone can run."""
