"""Who may see the page: signing in and out, sessions, people, and screens on walls."""
