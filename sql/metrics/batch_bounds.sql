SELECT acci.batch_bounds();
