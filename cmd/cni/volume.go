package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// volumeFlags say where volume plugins are.
type volumeFlags struct {
	dirs, named []string
	retry       string
	reload      bool
}

func (f *volumeFlags) register(cmd *cobra.Command) {
	flags := cmd.PersistentFlags()
	flags.StringArrayVar(&f.dirs, "volume-plugin-dir", nil,
		"`directory` of volume plugins; may be repeated (default /run/docker/plugins, "+
			"/etc/docker/plugins, /usr/lib/docker/plugins)")
	flags.StringArrayVar(&f.named, "volume-plugin", nil,
		"`NAME=ADDRESS` of a volume plugin, or NAME=PATH of its socket; may be repeated")
	flags.StringVar(&f.retry, "retry", "",
		"`duration` of retries while the plugin cannot be found or reached (default 0)")
	flags.BoolVar(&f.reload, "reload", false, "repeat the handshake, even with a known plugin")
	completeDirectory(cmd, "volume-plugin-dir")
}

// request begins a request about volumes. pairs are keys, each followed by its value.
func (f *volumeFlags) request(a *app, pairs ...string) (request, error) {
	r, err := a.request()
	if err != nil {
		return nil, err
	}

	options, ok := r["options"].(map[string]any)
	if !ok {
		options = map[string]any{}
	}
	if err := f.fill(options); err != nil {
		return nil, err
	}

	if len(options) > 0 {
		r["options"] = options
	}

	for i := 0; i+1 < len(pairs); i += 2 {
		set(r, pairs[i], pairs[i+1])
	}

	return r, nil
}

func (f *volumeFlags) fill(options map[string]any) error {
	var dirs []string
	for _, dir := range f.dirs {
		absolute := map[string]any{}
		if err := setPath(absolute, "dir", dir); err != nil {
			return err
		}

		if path, ok := absolute["dir"].(string); ok {
			dirs = append(dirs, path)
		}
	}

	if dirs != nil {
		options["volumePluginDirs"] = dirs
	}

	named, err := pairs("--volume-plugin", "NAME=ADDRESS", f.named)
	if err != nil {
		return err
	}

	if len(named) > 0 {
		options["volumePlugins"] = named
	}
	if f.reload {
		options["volumeReload"] = true
	}

	return setDuration(options, "volumeRetryMs", "--retry", f.retry)
}

func pairs(flag, form string, texts []string) (map[string]string, error) {
	all := map[string]string{}
	for _, text := range texts {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return nil, usage("%s: %q is not %s", flag, text, form)
		}
		if _, twice := all[key]; twice {
			return nil, usage("%s: %s is repeated", flag, key)
		}

		all[key] = value
	}
	return all, nil
}

func (a *app) volumeCommand() *cobra.Command {
	f := new(volumeFlags)
	cmd := &cobra.Command{
		Use:     "volume",
		Aliases: []string{"volumes"},
		Short:   "Use volume plugins of Docker and Podman",
		Long: `Uses volume plugins of Docker and Podman. PLUGIN is the name of one, or its address:
unix:///PATH, tcp://HOST:PORT, http://HOST:PORT or https://HOST:PORT.`,
		Example: `  cni volume plugins
  cni volume create rclone photos -o remote=store:photos
  cni volume mount rclone photos --id c1
  cni volume unmount rclone photos --id c1`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usage("volume: give a verb: create, remove, mount, unmount, path, get, list, " +
				"capabilities or plugins")
		},
	}

	f.register(cmd)
	cmd.AddCommand(
		a.volumeCreate(f), a.volumeQuiet(f, "remove", "Remove a volume", false, "rm"),
		a.volumeMount(f), a.volumeQuiet(f, "unmount", "End the mount made with the same id", true,
			"umount"),
		a.volumePath(f), a.volumeGet(f), a.volumeList(f), a.volumeCapabilities(f), a.volumePlugins(f),
	)
	for _, sub := range cmd.Commands() {
		completeVolume(a, f, sub)
	}

	return cmd
}

func (a *app) volumeCreate(f *volumeFlags) *cobra.Command {
	var opts []string
	cmd := &cobra.Command{Use: "create PLUGIN VOLUME", Short: "Make a volume",
		Args: cobra.ExactArgs(2)}
	cmd.RunE = a.verb(func(ctx context.Context, args []string) error {
		r, err := f.request(a, "plugin", args[0], "name", args[1])
		if err != nil {
			return err
		}

		given, err := pairs("--opt", "KEY=VALUE", opts)
		if err != nil {
			return err
		}

		if len(given) > 0 {
			r["opts"] = given
		}

		return a.quietly(a.call(ctx, "volume.create", r))
	})
	cmd.Flags().StringArrayVarP(&opts, "opt", "o", nil, "`KEY=VALUE` for the plugin; may be repeated")
	return cmd
}

// volumeQuiet is a verb that prints nothing.
func (a *app) volumeQuiet(f *volumeFlags, name, short string, withID bool,
	aliases ...string) *cobra.Command {
	var id string
	cmd := &cobra.Command{Use: name + " PLUGIN VOLUME", Short: short, Aliases: aliases,
		Args: cobra.ExactArgs(2)}
	cmd.RunE = a.verb(func(ctx context.Context, args []string) error {
		r, err := f.request(a, "plugin", args[0], "name", args[1], "id", id)
		if err != nil {
			return err
		}

		if withID && id == "" {
			return usage("volume %s: --id is required; give the id of the mount", name)
		}

		return a.quietly(a.call(ctx, "volume."+name, r))
	})
	if withID {
		cmd.Flags().StringVar(&id, "id", "", "`id` of the mount")
	}

	return cmd
}

func (a *app) volumeMount(f *volumeFlags) *cobra.Command {
	var id string
	cmd := &cobra.Command{
		Use:   "mount PLUGIN VOLUME --id ID",
		Short: "Mount a volume and print its path",
		Long: `Mounts a volume and prints its path. The id identifies the user of the mount, such as a
container; each mount has its own, and unmount takes the same. If it is unknown whether a failed
mount took effect, it is unmounted.`,
		Args: cobra.ExactArgs(2),
	}

	cmd.RunE = a.verb(func(ctx context.Context, args []string) error {
		if id == "" {
			return usage("volume mount: --id is required; give an id for the mount, such as a container's")
		}

		stays := fmt.Sprintf("the volume is mounted and stays so: undo it with cni volume unmount %s %s "+
			"--id %s", args[0], args[1], id)
		return a.printMountpoint(ctx, f, "volume.mount", stays, "plugin", args[0], "name", args[1],
			"id", id)
	})
	cmd.Flags().StringVar(&id, "id", "", "`id` of the mount")
	return cmd
}

func (a *app) volumePath(f *volumeFlags) *cobra.Command {
	cmd := &cobra.Command{Use: "path PLUGIN VOLUME",
		Short: "Print where a volume is mounted, or nothing", Args: cobra.ExactArgs(2)}
	cmd.RunE = a.verb(func(ctx context.Context, args []string) error {
		return a.printMountpoint(ctx, f, "volume.path", "", "plugin", args[0], "name", args[1])
	})
	return cmd
}

// printMountpoint makes a call and prints the mountpoint in its answer. If that cannot be written,
// the error says what stays.
func (a *app) printMountpoint(ctx context.Context, f *volumeFlags, method, stays string,
	pairs ...string) error {
	r, err := f.request(a, pairs...)
	if err != nil {
		return err
	}

	var answer struct {
		Mountpoint string `json:"mountpoint"`
	}

	response, err := a.ask(ctx, method, r, &answer)
	if err != nil {
		return err
	}
	err = a.print(response, func() error {
		if answer.Mountpoint == "" {
			return nil
		}
		return a.printf("%s\n", answer.Mountpoint)
	})
	if stays == "" {
		return err
	}
	return unwritten(err, "%s", stays)
}

func (a *app) volumeGet(f *volumeFlags) *cobra.Command {
	cmd := &cobra.Command{Use: "get PLUGIN VOLUME", Aliases: []string{"inspect"},
		Short: "Print what the plugin knows about a volume", Args: cobra.ExactArgs(2)}
	cmd.RunE = a.verb(func(ctx context.Context, args []string) error {
		r, err := f.request(a, "plugin", args[0], "name", args[1])
		if err != nil {
			return err
		}
		return a.printKey(ctx, "volume.get", r, "volume")
	})
	return cmd
}
