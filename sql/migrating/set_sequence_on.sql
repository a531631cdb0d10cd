SELECT acci.set_sequence_on();
