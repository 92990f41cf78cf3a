"""The command line: the parser, what its options mean, and a module per command."""
