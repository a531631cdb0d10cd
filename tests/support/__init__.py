"""What tests share: servers, shells, browsers, histories, strategies, corruptions. No test is here."""
