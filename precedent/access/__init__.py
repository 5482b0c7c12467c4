"""Who may do what, and who did what: members, tokens, sessions, the audit log."""
