"""Where images come from and what their files hold: folders, archives and lists, scanned and decoded."""
