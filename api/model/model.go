// Package model reads the description of the interface, cni.api.json, into what the targets of
// api/generate are written from. References are resolved, inherited keys are added, and an
// incomplete description is refused.
package model

import "github.com/go-json-experiment/json/jsontext"

// API is the whole description.
type API struct {
	Title           string
	ABI             int
	Version         string // such as "0.1.0"
	Soname          string
	MaxRequestBytes int
	Sections        []*Section
	Functions       []*Function
	Callbacks       []*Callback
	Kinds           []*Kind
	Codes           []Code
	Errnos          []Errno
	Builtins        []*Builtin
	Files           []*File
	Types           []*Type // every definition, in the order of the description
	Common          *Type   // the keys that every function accepts
	Options         *Type
	Error           *Type // what every function puts into the response when it fails
	CapabilityArgs  *Type
}

// Section is a group of functions.
type Section struct {
	Name  string   `json:"name"`
	Title string   `json:"title"`
	Text  []string `json:"text"` // paragraphs; those whose lines begin with blanks are preformatted

	// TimeoutMs is the default of options.timeoutMs for the functions of the section; 0 if they have
	// the default of the key.
	TimeoutMs int64 `json:"timeoutMs"`

	Functions []*Function `json:"-"`
	Callbacks []*Callback `json:"-"`
}

// Function is a C function. It is a verb if it takes a request.
type Function struct {
	Name        string // such as "cni_netns_create"
	Method      string // such as "netns.create"; "" for what cni_call does not serve
	Section     *Section
	Prototype   string
	Since       string
	Summary     string   // one sentence
	Command     string   // of the CNI specification, or ""
	Text        []string // paragraphs, as in Section
	Request     *Type    // nil unless the function is a verb
	Response    *Type    // nil for functions without a response
	Keys        []*Key   // the keys that the verb uses beside requestId and options
	Positional  []*Key   // those that a language with positional arguments takes by position
	Parameters  []Parameter
	Blocks      bool     // it may wait for other processes, locks or callbacks
	Cancellable bool     // by cni_cancel
	Codes       []Code   // codes of the specification that it returns beside those of kinds
	Kinds       []*Kind  // beyond those that every verb may return
	AllKinds    []*Kind  // those too, in the order of API.Kinds; nil unless the function is a verb
	Returns     []string // what a function that is not a verb returns
}

// Verb is the function's name without "cni_", such as "netns_create".
func (f *Function) Verb() string { return f.Name[len("cni_"):] }

// IsVerb reports whether the function has the shape int cni_verb(const char *, char **).
func (f *Function) IsVerb() bool { return f.Request != nil }

// Uses reports whether the verb uses a key.
func (f *Function) Uses(name string) bool {
	for _, key := range f.Keys {
		if key.Name == name {
			return true
		}
	}
	return false
}

// Parameter is a parameter of a function that is not a verb.
type Parameter struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// Callback is a function type that the host implements.
type Callback struct {
	Name      string
	Section   *Section
	Prototype string
	Since     string
	Summary   string
	Text      []string
	Event     *Type // the JSON object that it receives
}

// Kind is a kind of error.
type Kind struct {
	Name        string   `json:"kind"`
	Errnos      []string `json:"errno"`   // the first is returned unless another fits better
	Returns     string   `json:"returns"` // the return value in words
	Code        int64    `json:"code"`    // code of the error object, unless a plugin's is passed on
	Retryable   bool     `json:"retryable"`
	Any         bool     `json:"any"` // every verb may return it
	Description string   `json:"description"`
	Since       string   `json:"since"`
}

// Code is an error code of the CNI specification.
type Code struct {
	Code        int    `json:"code"`
	Description string `json:"description"`
}

// Errno is an errno that functions return negated.
type Errno struct {
	Name        string `json:"errno"`
	Description string `json:"description"`
}

// Builtin is a plugin that is built in.
type Builtin struct {
	Type         string
	Role         string // "interface", "ipam" or "chained"
	Summary      string
	Config       *Type
	Capabilities []*Key   // keys of API.CapabilityArgs
	Args         []string // keys of CNI_ARGS
	Since        string
}

// Keys returns the keys of the configuration, without those that every plugin has.
func (b *Builtin) Keys() []*Key {
	var keys []*Key
	for t := b.Config; t != nil && t.Base != nil; t = t.Base {
		for _, own := range t.Own {
			keys = append(keys, b.Config.Key(own.Name))
		}
	}
	return keys
}

// File is a kind of file that libcni writes, and reads again in later versions.
type File struct {
	Name    string
	Path    string
	Summary string
	Content *Type
	Since   string
}

// Type is a definition: an object, an enumeration of strings, or a string.
type Type struct {
	Name        string // such as "addRequest"
	Description string
	Form        Form     // Object, Enum or String
	Base        *Type    // the object whose keys this one inherits, or nil
	Own         []*Key   // the keys that are not inherited
	Keys        []*Key   // inherited and own, those of the base first
	Values      []string // of an enumeration
	Open        bool     // unknown keys pass
	Private     bool     // unknown keys pass if they begin with "x-"
	Choices     [][]*Key // at least one of these lists of keys must be given
	Exclusive   bool     // exactly one
}

// Key returns a key of an object, or nil.
func (t *Type) Key(name string) *Key {
	for _, key := range t.Keys {
		if key.Name == name {
			return key
		}
	}
	return nil
}

// Key is a member of an object.
type Key struct {
	Name        string
	Description string
	Since       string
	Value       Value
	Required    bool           // in answers: it is always there
	Default     jsontext.Value // nil for none
	Unit        string         // of numbers: "ms", "byte", "port", "index" ...
}

// Form is the form of a value.
type Form string

// The forms.
const (
	String  Form = "string"
	Boolean Form = "boolean"
	Integer Form = "integer"
	Number  Form = "number"
	Object  Form = "object" // of Value.Type, or of any keys if that is nil
	Enum    Form = "enum"   // of Value.Type
	List    Form = "list"   // of Value.Element
	Map     Form = "map"    // of Value.Element, by string
	Pair    Form = "pair"   // an array of two strings
	Union   Form = "union"  // one of Value.Alternatives
)

// Formats are the formats of strings, with a regular expression for each. An address of IPv6 is
// only recognised, and not checked.
var Formats = map[string]string{
	"ip-address":           ipv4 + "|" + ipv6,
	"ip-prefix":            ipv4 + ipv4Length + "|" + ipv6 + ipv6Length,
	"ip-address-or-prefix": ipv4 + "(?:" + ipv4Length + ")?|" + ipv6 + "(?:" + ipv6Length + ")?",
	"mac-address": hex2 + "(?:[:-]" + hex2 + "){5}|" + hex2 + hex2 +
		"(?:\\." + hex2 + hex2 + "){2}",
}

const (
	hex2       = "[0-9A-Fa-f]{2}"
	byteOfIPv4 = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
	ipv4       = "(?:" + byteOfIPv4 + "\\.){3}" + byteOfIPv4
	ipv4Length = "/(?:3[0-2]|[12]?[0-9])"
	ipv6       = "[0-9A-Fa-f.:]*:[0-9A-Fa-f.:]*"
	ipv6Length = "/(?:12[0-8]|1[01][0-9]|[1-9]?[0-9])"
)

// Value says what a key may hold.
type Value struct {
	Form             Form
	Type             *Type
	Element          *Value
	Alternatives     []Value
	Pattern          string
	Format           string // one of Formats, or ""
	MaxLength        *int64 // of a string, in characters
	Base64           bool   // a string that encodes bytes
	Minimum, Maximum *int64
}
