"""What is wrong with a data set, one module a concern; ``edgefrac.auditing`` runs them all."""
