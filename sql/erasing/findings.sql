DELETE FROM acci.findings AS f
WHERE EXISTS (
    SELECT FROM unnest(%(texts)s::text[]) AS said WHERE strpos(concat(f.place, f.problem, f.details), said) > 0
);
