// Command earmark hears what people say in public and earmarks it for the
// department that should act.
package main

func main() {}
