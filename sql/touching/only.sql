-- Leave only these keys among those chosen.
DELETE FROM touched
WHERE key NOT IN (SELECT ARRAY(SELECT jsonb_array_elements_text(k)) FROM jsonb_array_elements(%(keys)s) AS k);
