-- Digests that no key protects, as earlier versions remembered commands: what they say could be guessed.
UPDATE acci.commands AS c SET content = ''
WHERE c.tenant_id = %(tenant_id)s AND octet_length(c.content) = 32
  AND c.id IN (
      SELECT CAST(e.metadata ->> 'causation_id' AS uuid) FROM acci.events AS e
      WHERE e.position = ANY (%(positions)s) AND e.metadata ->> 'causation_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
  );
