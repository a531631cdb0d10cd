SELECT acci.discard(%(dead_letter)s, %(reason)s);
