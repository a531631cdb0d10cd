SELECT acci.require_sequence();
