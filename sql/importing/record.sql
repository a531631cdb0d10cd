INSERT INTO acci.imports AS i (content, mapping, file, lines, bytes, events, bad_lines, rejected, finished_at)
VALUES (%(content)s, %(mapping)s, %(file)s, %(lines)s, %(bytes)s, %(events)s, %(bad_lines)s, %(rejected)s,
        CASE WHEN %(finished)s THEN clock_timestamp() END)
ON CONFLICT (content) DO UPDATE SET
    lines = excluded.lines, bytes = excluded.bytes, events = excluded.events, bad_lines = excluded.bad_lines,
    rejected = excluded.rejected, finished_at = excluded.finished_at;
