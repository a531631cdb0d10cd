SELECT position, established_at FROM acci.high_water;
