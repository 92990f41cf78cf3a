"""The review of picks by a person. Read `session` for what it holds, `actions` for what can be done to it, `timeline` for undo
and redo, `rounds` for other settings and the next round, `store` for its file; `pool`, `why` and `flags` say what to think of a
pick."""
