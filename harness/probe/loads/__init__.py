"""How units arrive: closed, backlog and open loop, and when each of them is due."""
