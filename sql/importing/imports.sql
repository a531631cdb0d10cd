-- The files that were imported, by their content.

-- name: find
SELECT mapping, file, lines, bytes, events, known, bad_lines, rejected, started_at, finished_at
FROM acci.imports WHERE content = %(content)s;

-- name: record
INSERT INTO acci.imports AS i (content, mapping, file, lines, bytes, events, known, bad_lines, rejected, finished_at)
VALUES (%(content)s, %(mapping)s, %(file)s, %(lines)s, %(bytes)s, %(events)s, %(known)s, %(bad_lines)s,
        %(rejected)s, CASE WHEN %(finished)s THEN clock_timestamp() END)
ON CONFLICT (content) DO UPDATE SET
    lines = excluded.lines, bytes = excluded.bytes, events = excluded.events, known = excluded.known,
    bad_lines = excluded.bad_lines, rejected = excluded.rejected, finished_at = excluded.finished_at;
