SELECT acci.raise_high_water(%(position)s);
