SELECT projection, generation, state, checkpoint, advanced_at FROM acci.generations
WHERE state IN ('live', 'building')
ORDER BY projection, state DESC;
