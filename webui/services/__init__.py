"""What the server does between HTTP and the store: queue, pictures, workers, models, accounts."""
