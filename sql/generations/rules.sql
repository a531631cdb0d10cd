-- The order in which a projection's rules were first seen to build.

-- name: order
-- Which of a projection's rules are newer: the number of the given ones, and of those of the live generation.
SELECT mine.number, theirs.number, theirs.first_seen
FROM acci.generations AS g
JOIN acci.rules AS theirs ON theirs.projection = g.projection AND theirs.fingerprint = g.fingerprint
LEFT JOIN acci.rules AS mine ON mine.projection = g.projection AND mine.fingerprint = %(fingerprint)s
WHERE g.projection = %(projection)s AND g.state = 'live';

-- name: allow_older
SELECT set_config('acci.allow_older_rules', 'on', true);
