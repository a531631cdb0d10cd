SELECT acci.appending();
