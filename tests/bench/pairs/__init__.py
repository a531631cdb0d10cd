"""Old code beside new: the same work by two checkouts in turns, with what it costs client and server."""
