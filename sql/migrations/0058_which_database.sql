-- Which database this is, for those who keep records about it elsewhere: the deployments on a Prefect server. Renaming
-- or moving it, a dump and its restore leave it what it is. There is one row.
CREATE TABLE acci.identity (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    single boolean NOT NULL DEFAULT true PRIMARY KEY CHECK (single)
);
INSERT INTO acci.identity DEFAULT VALUES;
GRANT SELECT ON acci.identity TO acci_project, acci_administer;
