ANALYZE touched;
