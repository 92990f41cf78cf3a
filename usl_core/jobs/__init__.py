"""Long work in a process of its own: what can be asked for, and the process that does it."""
