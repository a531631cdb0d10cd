-- The calendar that all parts know: what is beyond its years, or endless, no client can read. An event from which a rule
-- would take such a day or moment cannot be applied.
CREATE DOMAIN acci.day AS date
    CONSTRAINT day_within_the_years_1_to_9999 CHECK (VALUE BETWEEN '0001-01-01' AND '9999-12-31');
CREATE DOMAIN acci.moment AS timestamptz
    CONSTRAINT moment_within_the_years_1_to_9999
    CHECK (VALUE >= timestamptz '0001-01-01 00:00:00+00' AND VALUE < timestamptz '9999-12-31 24:00:00+00');
