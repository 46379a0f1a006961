"""Views: results in, pictures and pages out; nothing here trains or loads a network."""
