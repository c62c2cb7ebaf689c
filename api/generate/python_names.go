package main

import (
	"slices"
	"strings"

	"github.com/libcni/libcni/api/model"
)

// pythonClass is what a released version of the Python package fixed about the class of an object.
// A class that is not listed has the name of its definition, and its keys in the order of the
// description, the required ones first.
type pythonClass struct {
	name   string
	fields string // the keys in the order of the constructor; those with "=" have defaults
}

// pythonClasses are the classes by definition.
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

const pythonOptions = "confDir pluginDirs cacheDir stateDir owner builtins onExisting timeoutMs " +
	"rollbackTimeoutMs rollback"

// pythonLists are the classes that are iterated over, and the key with their elements.
var pythonLists = map[string]string{
	"attachmentsResponse":   "attachments",
	"networksResponse":      "networks",
	"pluginsResponse":       "plugins",
	"volumeListResponse":    "volumes",
	"volumePluginsResponse": "plugins",
}

// pythonRawOnly are keys without a field: the value of another key says the same.
var pythonRawOnly = map[string]bool{"ipConfig.version": true}

// pythonRenamed are keys that have another name in Python.
var pythonRenamed = map[string]string{
	"repairRequest.all": "everything",
	"route.dst":         "destination",
	"route.gw":          "gateway",
}

// pythonVerbs are verbs whose name Python reserves.
var pythonVerbs = map[string]string{"del": "delete"}

// pythonKinds are kinds whose class would hide, or be taken for, one of Python's own.
var pythonKinds = map[string]string{
	"cancelled":  "CallCancelled",
	"exists":     "AlreadyExists",
	"permission": "PermissionDenied",
	"timeout":    "CallTimeout",
}

// pythonKindKeys are keys of the error object that only the errors of one kind have.
var pythonKindKeys = map[string]string{"exists": "existing", "drift": "drift"}

// pythonPaths are strings that are paths, which may be path objects.
var pythonPaths = []string{
	"cacheDir", "confDir", "netns", "path", "pluginDirs", "stateDir", "volumePluginDirs",
}

// python is the description in the terms of the Python package.
type python struct {
	*source
	mappings map[*model.Type]bool // objects of the caller's own, which have no class
	keys     map[string]bool      // keys with capitals, to recognise them in texts
	classes  []*model.Type        // those that a class refers to come before it
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

// unwrapped returns the only key of a response, whose value a verb returns in place of an object.
func unwrapped(t *model.Type) *model.Key {
	if strings.HasSuffix(t.Name, "Response") && len(t.Keys) == 1 {
		return t.Keys[0]
	}
	return nil
}

// hasClass reports whether an object has a class of its own.
func (p *python) hasClass(t *model.Type) bool { return slices.Contains(p.classes, t) }

// className names the class of an object.
func className(t *model.Type) string {
	if name := pythonClasses[t.Name].name; name != "" {
		return name
	}
	return camel(t.Name)
}

// errorName names the class of a kind.
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

// snake is a name of the description as Python writes it.
func snake(name string) string { return strings.Join(words(name), "_") }

// fieldName names a key of an object.
func fieldName(t *model.Type, key *model.Key) string {
	if name := pythonRenamed[t.Name+"."+key.Name]; name != "" {
		return name
	}
	return snake(key.Name)
}

// verbName names a verb within its module: volume.create is create of module volume.
func verbName(f *model.Function) string {
	name := snake(strings.TrimPrefix(f.Method, "volume."))
	if renamed := pythonVerbs[name]; renamed != "" {
		return renamed
	}
	return name
}

// ofVolumes reports whether a verb is about volumes, which have a module of their own.
func ofVolumes(f *model.Function) bool { return strings.HasPrefix(f.Method, "volume.") }

// verbs returns the verbs about volumes, or all others.
func (p *python) verbs(volumes bool) []*model.Function {
	var verbs []*model.Function
	for _, f := range p.Functions {
		if f.IsVerb() && ofVolumes(f) == volumes {
			verbs = append(verbs, f)
		}
	}
	return verbs
}

// ordered returns the keys of an object as parameters of a constructor: those of the released order
// first, then the others by age, required ones before those with defaults. A key that is younger
// than its object has a default, so that programs that construct the object go on to work.
// withDefault reports which have a default.
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
