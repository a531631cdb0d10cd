UPDATE hand.checkpoint SET position = %(position)s;
