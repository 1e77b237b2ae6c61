"""Operations, as the API has them: followed, decided on, canceled, listed."""
