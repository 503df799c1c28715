// Package bus carries mentions between stages over NATS JetStream, embedded in
// this process or external.
//
// It owns streams, acknowledgements, attempts, dead letters, cursors, and what
// was seen and received. A stage never sees NATS: it is given a function to
// publish with, and is called with values to handle. What a handler returns
// decides the message: nil acknowledges it, a [Permanent] error buries it, any
// other brings it again. The bus refuses to know what a mention means, who
// classifies it and how a delivery is sent.
package bus
