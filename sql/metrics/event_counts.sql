SELECT event_type, events FROM acci.event_counts ORDER BY event_type;
