"""What a plan will take, by made runs whose figures are round."""
