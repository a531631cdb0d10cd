-- What is to be delivered, in order per key: rows of the outbox, and a head for each key that has any.

-- name: copy
COPY acci.outbox (
    position, rewind, ordinal, reaction, tenant_id, key, kind, topic, correlation_id, event_id, subject, content
) FROM STDIN (FORMAT binary);

-- name: add_heads
-- The update locks a head that is there: a worker that ends its last row sees the new ones, or the head is inserted again.
INSERT INTO acci.outbox_heads (reaction, tenant_id, key)
SELECT reaction, tenant_id, key
FROM unnest(%(reactions)s::text[], %(tenant_ids)s::text[], %(keys)s::text[]) AS new (reaction, tenant_id, key)
ON CONFLICT (reaction, tenant_id, key) DO UPDATE SET key = excluded.key;
