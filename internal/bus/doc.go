// Package bus carries mentions between stages over NATS JetStream, embedded in
// this process or external.
//
// It owns streams, acknowledgements, attempts, dead letters, cursors, and what
// was seen and received. A stage never sees NATS: it is given a function to
// publish with, and is called with values to handle. What a handler returns
// decides the message: nil acknowledges it, a [Permanent] error buries it, any
// other brings it again. The bus refuses to know what a mention means, who
// classifies it and how a delivery is sent.
//
// # The life of a mention, and what a crash leaves behind at each line
//
// "Crash" is this process killed at that line, or its machine without power;
// the second also takes back what was stored less than [Config].Sync ago.
//
//  1. A source reads a post; a track matches; Seen says New.
//     Crash: nothing was stored; the cursor stands before the post, which is
//     read again.
//  2. PublishMention; Pending.Wait returns nil: MENTIONS holds the mention.
//     Crash before the answer: stored or not; read again and published again
//     under one message id, it is stored once.
//  3. SEEN remembers id and version, within a second.
//     Crash: the next start reads what SEEN lacks from the headers in MENTIONS.
//  4. SaveCursor, at least CursorLag later.
//     Crash: the source is read from an older cursor; Seen says Same.
//  5. EachMention hands the mention out; PublishDelivery and PublishDecision are
//     awaited; the handler returns nil; the mention is acknowledged.
//     Crash: the mention comes again after ten seconds, with Meta.Repeat; its
//     deliveries are published again under the same keys. Those that still
//     stand in the queue are stored once within the duplicate window, and twice
//     beyond it; the second is settled at line 8.
//  6. EachDelivery hands the delivery out; the destination answers 2xx.
//     Crash before the answer was read: nobody can know; the delivery is sent
//     again under the same key, by which the receiver tells the repeat. This is
//     the only line that may repeat.
//  7. The receipt is written to a file, and then stored in LEDGER.
//     Crash between the 2xx and the file: as line 6; it is some microseconds for
//     each worker. Crash before LEDGER holds it: the next start stores it.
//  8. The delivery is acknowledged.
//     Crash: it comes again, the ledger knows its key, and it is settled unsent.
//
// A delivery that fails goes from line 6 to its attempts, counted in a bucket,
// and comes again at its time, also over restarts; the last attempt buries it:
// stored in DEAD first, acknowledged after. A crash in between buries it twice
// under one message id, which is once.
//
// At every bound the publisher waits, and so the source: nothing that was
// acknowledged is dropped. What this rests on is in topology.go; each trap of the
// server that it avoids is named where it is avoided, and has its test.
package bus
