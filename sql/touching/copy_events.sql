COPY touches (key, position) FROM STDIN;
