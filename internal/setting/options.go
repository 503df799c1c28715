package setting

import "reflect"

// Option is one key of a Config as the documentation lists it.
type Option struct {
	// Key is the path: "every", "retry.first", "feeds[].url", "handles.*".
	Key      string   `json:"key"`
	Type     string   `json:"type"`
	Default  string   `json:"default,omitempty"`
	Required bool     `json:"required,omitempty"`
	OneOf    []string `json:"one_of,omitempty"`
	// Written are the keys by which a secret is given: "token_env", "token_file".
	Written []string `json:"written,omitempty"`
	Doc     string   `json:"doc,omitempty"`
}

// Options lists the keys of a Config, given as a value or a pointer: first its
// own, each followed by what is below it.
func Options(config any) []Option {
	t := reflect.TypeOf(config)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return list(t, "", 0)
}

// A route holds routes: that type is listed once, not for ever.
const maxListed = 4

func list(t reflect.Type, prefix string, depth int) []Option {
	if depth == maxListed {
		return nil
	}
	var all []Option
	for _, f := range Fields(t) {
		if f.Name {
			continue // it is the key of the mapping around it
		}
		o := Option{
			Key: prefix + f.Key, Type: TypeName(f.Type), Default: f.Default,
			Required: f.Required, OneOf: f.OneOf, Doc: f.Doc,
		}
		if IsSecret(f.Type) {
			o.Written = []string{o.Key + "_env", o.Key + "_file"}
		}
		all = append(all, o)
		if inner, below := below(f.Type, o.Key); inner != nil && inner != t {
			all = append(all, list(inner, below+".", depth+1)...)
		}
	}
	return all
}

// below returns the struct type that stands below a key, and its path.
func below(t reflect.Type, path string) (reflect.Type, string) {
	switch {
	case IsText(t) || IsSecret(t):
		return nil, ""
	case t.Kind() == reflect.Pointer:
		return below(t.Elem(), path)
	case t.Kind() == reflect.Struct:
		return t, path
	case t.Kind() == reflect.Map:
		return below(t.Elem(), path+".*")
	case t.Kind() == reflect.Slice:
		if _, named := NameField(t.Elem()); named {
			return below(t.Elem(), path+".*")
		}
		return below(t.Elem(), path+"[]")
	}
	return nil, ""
}
