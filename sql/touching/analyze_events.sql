ANALYZE touches;
