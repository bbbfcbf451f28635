"""What a plan will take and can tell, before it is measured: by this machine's own last runs."""
