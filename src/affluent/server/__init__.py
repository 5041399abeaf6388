"""The server process: application, middleware, uvicorn."""
