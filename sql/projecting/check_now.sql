-- Constraints that are checked at the transaction's end are checked here, where it is known which events are applied.
SET CONSTRAINTS ALL IMMEDIATE;
