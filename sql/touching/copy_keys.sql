COPY touched (key) FROM STDIN;
