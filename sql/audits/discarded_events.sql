-- An event was not discarded by `acci dead-letters discard`, or was changed since.
-- severity: error
-- place: projection, position
SELECT d.projection, d.position,
       CASE WHEN e.position IS NULL
            THEN format('The event at position %%s was discarded for %%s, and there is none.', d.position, d.projection)
            WHEN d.event_digest IS NULL
            THEN format('The event at position %%s was put among those discarded for %%s by hand, and is applied all the '
                        'same. Delete that row; what cannot be applied is discarded with `acci dead-letters discard`.',
                        d.position, d.projection)
            ELSE format('The event at position %%s was changed since it was discarded for %%s, and is applied again.',
                        d.position, d.projection) END AS problem,
       e.event_type, d.dead_letter, d.discarded_by, d.discarded_at
FROM acci.discarded_events AS d
LEFT JOIN acci.events AS e ON e.position = d.position
WHERE CASE WHEN d.event_digest IS NULL OR e.position IS NULL THEN true
           ELSE d.event_digest <> acci.event_digest(e) END;
