// Package weights holds the trained models that come with the program, as
// bytes. `earmark train` writes them; classify and classify/language read them.
package weights

import _ "embed"

// Intents is the model of intents, sentiment and urgency.
//
//go:embed intents.bin
var Intents []byte

// Language is the model that tells languages apart.
//
//go:embed language.bin
var Language []byte
