"""The processes of one block: clients, workers, beat. Never imports the app under test."""
