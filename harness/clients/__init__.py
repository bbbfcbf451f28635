"""The client process: started here, obeyed through pipes."""
