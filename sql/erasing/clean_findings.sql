SELECT acci.analyze_findings();
