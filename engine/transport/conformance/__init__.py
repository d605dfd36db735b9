"""The promises that every transport keeps, as checks that run in our tests and against an operator's own nodes."""
