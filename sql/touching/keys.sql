SELECT key FROM touched;
