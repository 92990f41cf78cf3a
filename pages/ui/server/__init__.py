"""What surrounds the pages: routes and their guard, images that are handed out, start and end of the server."""
