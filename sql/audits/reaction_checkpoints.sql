-- A reaction's checkpoint is beyond the log, or before where the reaction began; or its rewinds are not those recorded.
-- severity: error
-- place: reaction
SELECT reaction,
       CASE WHEN r.checkpoint > l.log_end
            THEN format('%%s has its checkpoint at %%s, beyond the log, which ends at %%s.', reaction, r.checkpoint, l.log_end)
            WHEN r.rewind <> coalesce(w.rewind, 0)
            THEN format('%%s is at rewind %%s, and the last one that is recorded is %%s.', reaction, r.rewind,
                        coalesce(w.rewind, 0))
            ELSE format('%%s has its checkpoint at %%s, before %%s, after which it began.', reaction, r.checkpoint,
                        coalesce(w.position, r.begins)) END AS problem,
       r.checkpoint, r.rewind
FROM acci.reactions AS r
CROSS JOIN (
    SELECT greatest(acci.log_end(), pg_sequence_last_value('acci.events_position_seq'), 0) AS log_end
) AS l
LEFT JOIN LATERAL (
    SELECT rewind, position FROM acci.rewinds AS every WHERE every.reaction = r.reaction ORDER BY rewind DESC LIMIT 1
) AS w ON true
WHERE r.checkpoint > l.log_end OR r.rewind <> coalesce(w.rewind, 0) OR r.checkpoint < coalesce(w.position, r.begins);
