-- Which generations there are, of one projection or of all, and what is to become of them.
SELECT generation, state FROM acci.generations
WHERE state <> 'dropped' AND (%(projection)s::text IS NULL OR projection = %(projection)s)
ORDER BY generation;
