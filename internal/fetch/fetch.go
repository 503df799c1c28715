package fetch

// Client is a polite HTTP client.
type Client struct{}
