SELECT candidate, holders FROM acci.high_water_candidate();
