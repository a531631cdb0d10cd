SELECT count(*) FROM touched;
