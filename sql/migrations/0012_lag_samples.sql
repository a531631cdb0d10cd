-- How far read models were behind, looked at every few minutes: for a curve of the last days.
CREATE TABLE acci.lag_samples (
    sampled_at timestamptz      NOT NULL DEFAULT clock_timestamp(),
    projection text             NOT NULL,
    events     bigint           NOT NULL,
    seconds    double precision NOT NULL,
    PRIMARY KEY (projection, sampled_at)
);

-- The run that made the audit, to be looked up in Prefect; empty if none did.
ALTER TABLE acci.audits ADD COLUMN run text NOT NULL DEFAULT '';
