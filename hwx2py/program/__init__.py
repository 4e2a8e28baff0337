"""The intermediate register program: tasks as raw words with named views, tensors with their BARs, coefficients."""
