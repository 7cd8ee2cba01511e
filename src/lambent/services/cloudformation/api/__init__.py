"""Operations, one module per noun."""
