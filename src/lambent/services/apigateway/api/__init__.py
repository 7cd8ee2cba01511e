"""Operations, one file per noun."""
