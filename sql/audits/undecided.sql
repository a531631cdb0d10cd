-- An event waits to be decided behind nothing; or one that waits is not there, or beyond the checkpoint.
-- severity: error
-- place: reaction, tenant_id, position
SELECT u.reaction, u.tenant_id, u.position,
       CASE WHEN e.position IS NULL
            THEN format('An event at position %%s waits to be decided by %%s, and there is none of the tenant.', u.position,
                        u.reaction)
            WHEN u.position > r.checkpoint
            THEN format('The %%s at position %%s waits to be decided by %%s, whose checkpoint is %%s: it is decided twice.',
                        u.event_type, u.position, u.reaction, r.checkpoint)
            ELSE format('The %%s at position %%s waits to be decided by %%s, and no dead letter of its key is before it.',
                        u.event_type, u.position, u.reaction) END AS problem,
       u.rewind, u.key, u.event_type
FROM acci.undecided AS u
JOIN acci.reactions AS r USING (reaction)
LEFT JOIN acci.events AS e ON e.position = u.position AND e.tenant_id = u.tenant_id
WHERE e.position IS NULL OR u.position > r.checkpoint
   OR u.error IS NULL AND NOT EXISTS (
       SELECT FROM acci.undecided AS before
       WHERE before.reaction = u.reaction AND before.tenant_id = u.tenant_id AND before.key = u.key
         AND before.error IS NOT NULL AND before.position < u.position
   );
