-- A timer has been due for more than a quarter of an hour.
-- severity: warning
-- place: reaction, tenant_id, key, name
SELECT t.reaction, t.tenant_id, t.key, t.name,
       format('The timer %%s of %%s for the key %%s has been due for %%s. Is `acci run react` running?', t.name, t.reaction,
              t.key, date_trunc('second', clock_timestamp() - t.due)) AS problem,
       t.due
FROM acci.timers AS t JOIN acci.reactions AS r USING (reaction)
WHERE t.due < clock_timestamp() - interval '15 minutes' AND r.paused_at IS NULL;
