package linear

// Cache remembers what the pieces of a word sum to. Words recur: with it, the
// pieces of most words are neither hashed nor looked up. It changes no sum.
//
// A Cache belongs to one Table and one goroutine.
type Cache struct {
	keys  []uint64
	sums  []int16
	lanes int
}

// cacheSlots is how many words a Cache holds: one that falls on another's slot
// takes its place.
const cacheSlots = 1 << 14

// NewCache makes a Cache for t.
func NewCache(t *Table) *Cache {
	return &Cache{keys: make([]uint64, cacheSlots), sums: make([]int16, cacheSlots*t.lanes), lanes: t.lanes}
}

// Slot returns the sums of the word with that hash, and whether they are known;
// if not, the caller has to fill them in.
func (c *Cache) Slot(hash uint64) (sums []int16, known bool) {
	hash |= 1 // zero is an empty slot's
	at := int(hash >> 20 % cacheSlots)
	known = c.keys[at] == hash
	c.keys[at] = hash
	return c.sums[at*c.lanes:][:c.lanes:c.lanes], known
}
