package main

import (
	"slices"
	"strings"

	"github.com/libcni/libcni/api/model"
)

// pythonClass holds the name and the constructor of a class as released in the Python package. A
// class that is not listed has the name of its definition, and its keys in the order of the
// description, the required ones first.
type pythonClass struct {
	name   string
	fields string // the keys in the order of the constructor; those with "=" have defaults
}

// pythonClasses maps definitions to released classes.
var pythonClasses = map[string]pythonClass{
	"attachment": {"Attachment",
		"network containerId ifName netns= owner= state= result= args="},
	"attachmentName":        {name: "AttachmentID"},
	"attachmentsResponse":   {name: "AttachmentList"},
	"delResponse":           {name: "Removal"},
	"dns":                   {name: "DNS"},
	"drift":                 {"Drift", "plugin object expected= actual="},
	"errorPlugin":           {"PluginRef", "type index= builtin="},
	"errorVolumePlugin":     {name: "VolumePluginRef"},
	"event":                 {name: "LogEvent"},
	"ipConfig":              {"IPConfig", "address gateway= interface="},
	"network":               {"Network", "name cniVersion= file= plugins="},
	"networksResponse":      {name: "NetworkList"},
	"options":               {fields: pythonOptions},
	"plugin":                {"PluginInfo", "type builtin= path= supportedVersions="},
	"pluginsResponse":       {name: "PluginList"},
	"result":                {"Result", "cniVersion interfaces= ips= routes= dns="},
	"validateResponse":      {"Validation", "name= cniVersion= capabilities= plugins="},
	"volume":                {"Volume", "name plugin= mountpoint= createdAt="},
	"volumeListResponse":    {name: "VolumeList"},
	"volumePlugin":          {"VolumePlugin", "name address= file="},
	"volumePluginsResponse": {name: "VolumePluginList"},
}

const pythonOptions = "confDir pluginDirs cacheDir stateDir owner builtins onExisting " +
	"unusedCapabilities timeoutMs rollbackTimeoutMs rollback"

// pythonLists maps the classes that are iterable to the key with their elements.
var pythonLists = map[string]string{
	"attachmentsResponse":   "attachments",
	"networksResponse":      "networks",
	"pluginsResponse":       "plugins",
	"volumeListResponse":    "volumes",
	"volumePluginsResponse": "plugins",
}

// pythonRawOnly are keys without a field, because another key implies their value.
var pythonRawOnly = map[string]bool{"ipConfig.version": true}

// pythonRenamed maps keys to the different names that they have in Python.
var pythonRenamed = map[string]string{
	"repairRequest.all": "everything",
	"route.dst":         "destination",
	"route.gw":          "gateway",
}

// pythonVerbs renames the verbs whose name is a keyword of Python.
var pythonVerbs = map[string]string{"del": "delete"}

// pythonKinds renames the kinds whose class would shadow, or look like, a built-in exception.
var pythonKinds = map[string]string{
	"cancelled":  "CallCancelled",
	"exists":     "AlreadyExists",
	"permission": "PermissionDenied",
	"timeout":    "CallTimeout",
}

// pythonErrnos are the built-in exceptions that errors with these numbers are, too.
var pythonErrnos = map[string]string{
	"EACCES":       "PermissionError",
	"ECONNREFUSED": "ConnectionRefusedError",
	"EEXIST":       "FileExistsError",
	"EINVAL":       "ValueError",
	"EIO":          "OSError",
	"ENOENT":       "FileNotFoundError",
	"EPERM":        "PermissionError",
	"ETIMEDOUT":    "TimeoutError",
}

// pythonKindKeys maps kinds to the key of the error object that only their errors have.
var pythonKindKeys = map[string]string{"exists": "existing", "drift": "drift"}

// pythonListed maps the keys that name something to the type of their arguments, which includes
// what a verb listed.
var pythonListed = map[string]string{
	"network": "NetworkName", "plugin": "VolumePluginName", "type": "PluginName",
}

// pythonPaths are the keys of paths, which accept path objects.
var pythonPaths = []string{
	"cacheDir", "confDir", "netns", "path", "pluginDirs", "stateDir", "volumePluginDirs",
}

// python is the description with the names of the Python package.
type python struct {
	*source
	mappings map[*model.Type]bool // objects that callers define, which have no class
	keys     map[string]bool      // keys with capitals, which texts may mention
	classes  []*model.Type        // a class follows the classes that it refers to

	optionTexts []string // what the options of a client are
}

func newPython(api *source) *python {
	p := &python{source: api, mappings: map[*model.Type]bool{}, keys: map[string]bool{}}
	for _, key := range api.Common.Keys {
		p.mappings[key.Value.Type] = true
		for _, alternative := range key.Value.Alternatives {
			p.mappings[alternative.Type] = true
		}
	}
	p.collect(model.Value{Type: api.Error})
	for _, f := range api.Functions {
		p.collect(model.Value{Type: f.Response})
		if f.IsVerb() {
			p.remember(f.Request.Keys)
		}
	}
	for _, c := range api.Callbacks {
		p.collect(model.Value{Type: c.Event})
	}
	p.remember(api.Options.Keys)
	return p
}

// collect adds the classes of the objects in a value.
func (p *python) collect(v model.Value) {
	if v.Element != nil {
		p.collect(*v.Element)
	}
	t := v.Type
	if t == nil || p.mappings[t] || len(t.Keys) == 0 || slices.Contains(p.classes, t) {
		return
	}
	p.remember(t.Keys)
	for _, key := range t.Keys {
		p.collect(key.Value)
	}
	if t != p.Error && unwrapped(t) == nil {
		p.classes = append(p.classes, t)
	}
}

func (p *python) remember(keys []*model.Key) {
	for _, key := range keys {
		p.keys[key.Name] = true
	}
}

// unwrapped returns the only required key of a response, whose value a verb returns instead of an
// object. A key that was added to the response later does not change what the verb returns.
func unwrapped(t *model.Type) *model.Key {
	if !strings.HasSuffix(t.Name, "Response") {
		return nil
	}
	var only *model.Key
	for _, key := range t.Keys {
		switch {
		case !key.Required:
		case only != nil:
			return nil
		default:
			only = key
		}
	}
	return only
}

// hasClass reports whether an object has a class of its own.
func (p *python) hasClass(t *model.Type) bool { return slices.Contains(p.classes, t) }

// className returns the name of the class of an object.
func className(t *model.Type) string {
	if name := pythonClasses[t.Name].name; name != "" {
		return name
	}
	return camel(t.Name)
}

// errorName returns the name of the class of a kind.
func errorName(k *model.Kind) string {
	if name := pythonKinds[k.Name]; name != "" {
		return name + "Error"
	}
	return camel(k.Name) + "Error"
}

func camel(name string) string {
	var b strings.Builder
	for _, word := range words(name) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// snake converts a name of the description to snake case.
func snake(name string) string { return strings.Join(words(name), "_") }

// fieldName returns the name of a key of an object.
func fieldName(t *model.Type, key *model.Key) string {
	if name := pythonRenamed[t.Name+"."+key.Name]; name != "" {
		return name
	}
	return snake(key.Name)
}

// verbName returns the name of a verb in its module: volume.create is create in module volume.
func verbName(f *model.Function) string {
	name := snake(strings.TrimPrefix(f.Method, "volume."))
	if renamed := pythonVerbs[name]; renamed != "" {
		return renamed
	}
	return name
}

// ofVolumes reports whether a verb belongs to the module for volumes.
func ofVolumes(f *model.Function) bool { return strings.HasPrefix(f.Method, "volume.") }

// verbs returns the verbs for volumes, or all others.
func (p *python) verbs(volumes bool) []*model.Function {
	var verbs []*model.Function
	for _, f := range p.Functions {
		if f.IsVerb() && ofVolumes(f) == volumes {
			verbs = append(verbs, f)
		}
	}
	return verbs
}

// verb returns the verb of a method.
func (p *python) verb(method string) *model.Function {
	at := slices.IndexFunc(p.Functions, func(f *model.Function) bool { return f.Method == method })
	return p.Functions[at]
}

// ordered returns the keys of an object in the order of the constructor's parameters: those of the
// released order first, then the others by age, required keys before those with defaults. A key
// that was added after its object has a default, so that existing programs can still construct the
// object. withDefault holds the keys with a default.
func ordered(t *model.Type) (keys []*model.Key, withDefault map[*model.Key]bool) {
	withDefault = map[*model.Key]bool{}
	for _, word := range strings.Fields(pythonClasses[t.Name].fields) {
		name, optional := strings.CutSuffix(word, "=")
		key := t.Key(name)
		keys = append(keys, key)
		withDefault[key] = optional
	}
	released := len(keys) > 0
	byAge := slices.Clone(t.Keys)
	slices.SortStableFunc(byAge, func(a, b *model.Key) int {
		return model.CompareVersions(a.Since, b.Since)
	})
	var optional []*model.Key
	for _, key := range byAge {
		switch {
		case slices.Contains(keys, key) || pythonRawOnly[t.Name+"."+key.Name]:
		case key.Required && !released && key.Since == byAge[0].Since && key.Value.Form != model.List:
			keys = append(keys, key)
		default:
			withDefault[key] = true
			optional = append(optional, key)
		}
	}
	return append(keys, optional...), withDefault
}
