-- An outcome is of an event that the reaction did not handle, or that is not there.
-- severity: error
-- place: reaction, tenant_id, position
SELECT o.reaction, o.tenant_id, o.position,
       CASE WHEN e.position IS NULL
            THEN format('%%s has decided an event at position %%s, and there is none of the tenant.', o.reaction, o.position)
            WHEN c.event_types IS NULL
            THEN format('%%s has decided the %%s at position %%s, which lies before all that it was to decide.', o.reaction,
                        e.event_type, o.position)
            WHEN o.rewind = r.rewind AND o.position > r.checkpoint
            THEN format('%%s has decided the %%s at position %%s, beyond its checkpoint %%s.', o.reaction, e.event_type,
                        o.position, r.checkpoint)
            ELSE format('%%s has decided the %%s at position %%s, which it does not handle.', o.reaction, e.event_type,
                        o.position) END AS problem,
       o.rewind, o.key, e.event_type
FROM acci.outcomes AS o
LEFT JOIN acci.reactions AS r USING (reaction)
LEFT JOIN acci.events AS e ON e.position = o.position AND e.tenant_id = o.tenant_id
LEFT JOIN LATERAL (
    SELECT event_types, stream_type FROM acci.reaction_code AS code
    WHERE code.reaction = o.reaction AND code.rewind = o.rewind AND code.after < o.position
    ORDER BY code.after DESC
    LIMIT 1
) AS c ON true
WHERE e.position IS NULL OR c.event_types IS NULL OR o.rewind = r.rewind AND o.position > r.checkpoint
   OR e.event_type <> ALL (c.event_types)
   OR e.event_type IN ('TimerFired', 'CommandRefused') AND e.aggregate_type <> c.stream_type;
