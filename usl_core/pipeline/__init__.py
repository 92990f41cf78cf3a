"""From a source to everything that selecting and drawing need of it, each result kept on disk."""
