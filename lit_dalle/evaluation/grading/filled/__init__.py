"""Pictures of one thing filled in one colour: telephones, and things in the shape of others."""
