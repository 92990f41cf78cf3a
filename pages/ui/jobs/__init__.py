"""Long work: the pool of worker processes, and a job on a page."""
