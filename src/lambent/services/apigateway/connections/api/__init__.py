"""Operations on the connections of WebSocket APIs."""
