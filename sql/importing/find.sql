SELECT mapping, file, lines, bytes, events, known, bad_lines, rejected, started_at, finished_at
FROM acci.imports WHERE content = %(content)s;
