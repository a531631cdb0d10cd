TRUNCATE staged;
