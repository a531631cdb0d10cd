-- Erasing, to the end.
--
-- What is remembered of a command that led to personal data is a digest under the person's key, behind the key's id. Who
-- erases empties those that were made without; an empty one is not compared.
GRANT UPDATE (content) ON acci.commands TO acci_administer;
COMMENT ON COLUMN acci.commands.content IS
    'SHA-256 of the name and the data; with personal data, the ids of keys and an HMAC under them; empty once erased.';

-- PostgreSQL's statistics have values of rows that are gone; they are the owner's to make anew.
CREATE FUNCTION acci.analyze_findings() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    ANALYZE acci.findings;
END
$$;
REVOKE EXECUTE ON FUNCTION acci.analyze_findings() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION acci.analyze_findings() TO acci_administer;
