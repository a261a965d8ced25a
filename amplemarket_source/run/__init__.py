"""Private. What a user asks for: enrich, plan, resume, find, status, forget, settle, doctor."""
