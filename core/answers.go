package core

import "github.com/libcni/libcni/core/internal/jsonobject"

func (a *DelAnswer) appendJSON(dst []byte) []byte {
	dst = appendBool(append(dst, '{'), "found", a.Found)
	return append(appendObjects(dst, "removed", a.Removed, (*AttachmentName).members), '}')
}

func (n *AttachmentName) members(dst []byte) []byte {
	dst = appendString(dst, "network", n.Network)
	dst = appendString(dst, "containerId", n.ContainerID)
	return appendString(dst, "ifName", n.IfName)
}

func (a *GCAnswer) appendJSON(dst []byte) []byte {
	return append(appendObjects(append(dst, '{'), "removed", a.Removed, (*AttachmentName).members), '}')
}

func (a *AttachmentsAnswer) appendJSON(dst []byte) []byte {
	dst = appendString(append(dst, '{'), "asOf", a.AsOf)
	return append(appendObjects(dst, "attachments", a.Attachments, (*Attachment).members), '}')
}

func (a *Attachment) members(dst []byte) []byte {
	dst = appendString(dst, "network", a.Network)
	dst = appendString(dst, "containerId", a.ContainerID)
	dst = appendString(dst, "ifName", a.IfName)
	dst = appendString(dst, "netns", a.Netns)
	dst = appendNonempty(dst, "owner", a.Owner)
	if len(a.Args) > 0 {
		dst = appendList(dst, "args", a.Args, appendPair)
	}
	dst = appendMembers(dst, "capabilityArgs", a.CapabilityArgs)
	dst = appendRaw(dst, "result", a.Result)
	dst = appendRaw(dst, "config", a.Config)
	return appendString(dst, "state", a.State)
}

func appendPair(dst []byte, pair *[2]string) []byte {
	dst = appendText(append(dst, '['), pair[0])
	return append(appendText(append(dst, ','), pair[1]), ']')
}

func (a *RepairAnswer) appendJSON(dst []byte) []byte {
	return append(appendObjects(append(dst, '{'), "repaired", a.Repaired, (*Repaired).members), '}')
}

func (r *Repaired) members(dst []byte) []byte {
	dst = appendString(dst, "network", r.Network)
	dst = appendString(dst, "containerId", r.ContainerID)
	dst = appendString(dst, "ifName", r.IfName)
	dst = appendString(dst, "plugin", r.Plugin)
	return appendString(dst, "object", r.Object)
}

func (a *NetworksAnswer) appendJSON(dst []byte) []byte {
	dst = appendObjects(append(dst, '{'), "networks", a.Networks, (*Network).members)
	return append(appendObjects(dst, "errors", a.Errors, (*FileError).members), '}')
}

func (n *Network) members(dst []byte) []byte {
	dst = appendString(dst, "name", n.Name)
	dst = appendString(dst, "cniVersion", n.CNIVersion)
	dst = appendString(dst, "file", n.File)
	return appendStrings(dst, "plugins", n.Plugins)
}

func (e *FileError) members(dst []byte) []byte {
	return appendString(appendString(dst, "file", e.File), "msg", e.Msg)
}

func (a *PluginsAnswer) appendJSON(dst []byte) []byte {
	dst = appendObjects(append(dst, '{'), "plugins", a.Plugins, (*PluginInfo).members)
	return append(appendObjects(dst, "errors", a.Errors, (*FileError).members), '}')
}

func (p *PluginInfo) appendJSON(dst []byte) []byte { return append(p.members(append(dst, '{')), '}') }

func (p *PluginInfo) members(dst []byte) []byte {
	dst = appendString(dst, "type", p.Type)
	dst = appendBool(dst, "builtin", p.Builtin)
	dst = appendNonempty(dst, "path", p.Path)
	return appendStrings(dst, "supportedVersions", p.SupportedVersions)
}

func (a *ValidateAnswer) appendJSON(dst []byte) []byte {
	dst = appendString(append(dst, '{'), "name", a.Name)
	dst = appendString(dst, "cniVersion", a.CNIVersion)
	dst = appendStrings(dst, "capabilities", a.Capabilities)
	return append(appendObjects(dst, "plugins", a.Plugins, (*PluginInfo).members), '}')
}

func (a *NetnsAnswer) appendJSON(dst []byte) []byte {
	return append(appendString(append(dst, '{'), "path", a.Path), '}')
}

func (a *VolumeGetAnswer) appendJSON(dst []byte) []byte {
	dst = append(jsonobject.AppendKey(append(dst, '{'), "volume"), '{')
	return append(a.Volume.members(dst), "}}"...)
}

func (v *Volume) members(dst []byte) []byte {
	dst = appendString(dst, "plugin", v.Plugin)
	dst = appendString(dst, "name", v.Name)
	dst = appendNonempty(dst, "mountpoint", v.Mountpoint)
	dst = appendNonempty(dst, "createdAt", v.CreatedAt)
	return appendRaw(dst, "status", v.Status)
}

func (a *VolumeListAnswer) appendJSON(dst []byte) []byte {
	dst = appendObjects(append(dst, '{'), "volumes", a.Volumes, (*Volume).members)
	return append(appendObjects(dst, "errors", a.Errors, (*VolumePluginError).members), '}')
}

func (e *VolumePluginError) members(dst []byte) []byte {
	dst = appendNonempty(dst, "plugin", e.Plugin)
	dst = appendNonempty(dst, "address", e.Address)
	dst = appendNonempty(dst, "file", e.File)
	dst = appendString(dst, "kind", string(e.Kind))
	return appendString(dst, "msg", e.Msg)
}

func (a *VolumeCapabilitiesAnswer) appendJSON(dst []byte) []byte {
	return append(appendString(append(dst, '{'), "scope", a.Scope), '}')
}

func (a *VolumePluginsAnswer) appendJSON(dst []byte) []byte {
	dst = appendObjects(append(dst, '{'), "plugins", a.Plugins, (*VolumePlugin).members)
	return append(appendObjects(dst, "errors", a.Errors, (*VolumePluginError).members), '}')
}

func (p *VolumePlugin) members(dst []byte) []byte {
	dst = appendString(dst, "name", p.Name)
	dst = appendString(dst, "address", p.Address)
	return appendNonempty(dst, "file", p.File)
}

func (a *MountpointAnswer) appendJSON(dst []byte) []byte {
	return append(appendString(append(dst, '{'), "mountpoint", a.Mountpoint), '}')
}
