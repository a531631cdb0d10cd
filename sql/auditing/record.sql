INSERT INTO acci.audits (seconds, full_set, one_in, checks, left_out, errors, warnings, infos, run)
VALUES (%(seconds)s, %(full_set)s, %(one_in)s, %(checks)s, %(left_out)s, %(errors)s, %(warnings)s, %(infos)s,
        %(run)s);
