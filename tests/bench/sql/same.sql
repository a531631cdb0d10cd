-- How many rows one of the two tables has and the other has not.
SELECT count(*)
FROM (
    (SELECT {columns} FROM {one} EXCEPT SELECT {columns} FROM {other})
    UNION ALL
    (SELECT {columns} FROM {other} EXCEPT SELECT {columns} FROM {one})
) AS differing;
