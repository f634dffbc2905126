"""Write, show and print the site."""
