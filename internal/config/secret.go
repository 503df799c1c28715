package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"

	"earmark/internal/setting"
)

// maxSecret bounds a secret's file: a key with its certificates is some KiB.
const maxSecret = 64 << 10

// secret reads `token_env: NAME` or `token_file: PATH` into v, a Secret or a
// list of them. No message holds what was read.
func (d *decoder) secret(p pair, v reflect.Value, path string) {
	read := d.fromFile
	if strings.HasSuffix(p.key.text, "_env") {
		read = d.fromEnv
	}
	if v.Kind() != reflect.Slice {
		if d.expect(p.value, scalar, path, "write one name") {
			v.Set(reflect.ValueOf(read(p.value, path)))
		}
		return
	}
	items := p.value.items
	if p.value.kind == scalar {
		items = []*node{p.value}
	}
	for i, n := range items {
		at := path
		if p.value.kind == list {
			at = fmt.Sprintf("%s[%d]", path, i)
		}
		if d.expect(n, scalar, at, "write a name") {
			v.Set(reflect.Append(v, reflect.ValueOf(read(n, at))))
		}
	}
}

var (
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	// What looks otherwise may be the secret itself, written in the wrong place,
	// and is not repeated in a message.
	harmlessName = regexp.MustCompile(`^[A-Z][A-Z0-9]{0,15}(_[A-Z0-9]{1,16}){1,7}$`)
	harmlessPath = regexp.MustCompile(`^(\.{1,2}|/[^/]+)/.`)
)

func (d *decoder) fromEnv(n *node, path string) setting.Secret {
	value, ok := "", false
	if variableName.MatchString(n.text) {
		value, ok = d.options.Getenv(n.text)
	}
	value = strings.TrimRight(value, "\r\n")
	d.harmless[n] = ok || harmlessName.MatchString(n.text)
	switch {
	case !ok && harmlessName.MatchString(n.text):
		d.missing(n.at, path, "export it before starting", "environment variable %s is not set", n.text)
	case !ok:
		d.missing(n.at, path, "write the name of one that is, such as ACME_TOKEN, and not the secret itself", "names no environment variable that is set")
	case value == "":
		d.missing(n.at, path, "give it a value", "environment variable %s is empty", n.text)
	}
	return d.keep(value)
}

func (d *decoder) fromFile(n *node, path string) setting.Secret {
	name := n.text
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(d.file), name)
	}
	data, err := d.options.ReadFile(name)
	d.harmless[n] = err == nil || harmlessPath.MatchString(n.text)
	if err == nil {
		d.watched = append(d.watched, name)
	}
	value := strings.TrimRight(string(data), "\r\n")
	switch {
	case err != nil:
		d.missing(n.at, path, "write the path of a file that this user can read; a relative one begins at the configuration's folder", "the file cannot be read: %s", cause(err))
	case len(data) > maxSecret:
		d.wrong(n.at, path, "", "the file is larger than 64 KiB")
	case value == "":
		d.missing(n.at, path, "put the secret into it", "the file is empty")
	case strings.ContainsRune(value, 0):
		d.wrong(n.at, path, "", "the file is not text")
	default:
		return d.keep(value)
	}
	return setting.Secret{}
}

// missing notes a secret that is not there.
func (d *decoder) missing(at place, path, remedy, format string, args ...any) {
	if d.off {
		d.warn(at, path, remedy, format, args...)
		return
	}
	d.wrong(at, path, remedy, format, args...)
}

// cause returns why a file could not be read, without its name.
func cause(err error) string {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err.Error()
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no such file"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	}
	return "it is not a readable file"
}

func (d *decoder) keep(value string) setting.Secret {
	s := setting.NewSecret(value)
	if !s.IsZero() {
		d.secrets = append(d.secrets, s)
	}
	return s
}
