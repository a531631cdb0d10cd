-- The payload is unreadable by now; what PostgreSQL or a rule said of it may not be.
UPDATE acci.dead_letters SET error = 'erased' WHERE position = ANY (%(positions)s) AND error <> 'erased';
