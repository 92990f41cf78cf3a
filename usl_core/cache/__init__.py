"""One cache directory that many processes use at once, and that does not grow for ever.

In comes a directory, out go entries. Begin with `entries` (what an entry is on disk, how it is read and written), then `locks`
(who uses what, known across processes), `contents` (what there is and how large), `upkeep` (the limit, eviction, sweeping),
`index` (which entry holds the vector of which image).
`store` is what everybody else uses.
"""
