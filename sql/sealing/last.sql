SELECT seal, upto, encode(chain, 'hex') FROM acci.seals ORDER BY seal DESC LIMIT 1;
