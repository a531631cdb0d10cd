UPDATE acci.backfill_chunks AS c SET error = 'erased'
WHERE EXISTS (SELECT FROM unnest(%(texts)s::text[]) AS said WHERE strpos(c.error, said) > 0);
