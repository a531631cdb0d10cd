-- The sequence that positions are drawn from.

-- name: require
SELECT acci.require_sequence();

-- name: set_on
SELECT acci.set_sequence_on();
