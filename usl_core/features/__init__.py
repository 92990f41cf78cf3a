"""Images to unit vectors, each image encoded once and kept on disk, as it is and as augmented views.

In comes an `ImageSet`, out go `Features` and `Views`. Begin with `encode`; behind it: `vectors` (the pool of what was encoded
before, image by image), `batches` (encoding what is missing there), `gathering` (vectors out of many shards in the order of the
images) and `once` (all of that, by one process at a time). `views` does the same for augmented views, which `augment` makes.
"""
