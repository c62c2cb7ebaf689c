/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file cni.h
 * @brief libcni: container networks (CNI 1.1) for every language.
 *
 * Strings in, strings out: each verb takes a JSON object and answers with one.
 *
 *     char *response;
 *     int rc = cni_add("{\"network\":\"web\",\"containerId\":\"c1\",\"netns\":\"/run/netns/c1\"}", &response);
 *     puts(response);
 *     cni_free(response);
 *
 * LIFE CYCLE
 *   There is nothing to initialise and nothing to close. The library may be linked or loaded with dlopen; once loaded
 *   it stays in the process (dlclose succeeds and unloads nothing), and so do its few threads. Calling it from a
 *   constructor of another library is not allowed. No handle and no last-error state exists: a call is complete when
 *   it returns, and what it attached is remembered on disk, where any other process finds it.
 *
 * OWNERSHIP
 *   The caller keeps the request; it is not read after the call. *response is always set, on success and on failure,
 *   to a NUL-terminated UTF-8 string that the caller owns and gives back with cni_free, never with free. response may
 *   be NULL when the answer is of no interest. Strings returned as const char * are static.
 *
 * REQUESTS
 *   A request is a JSON object (RFC 8259, UTF-8) of at most CNI_MAX_REQUEST bytes. Duplicate keys are refused. Keys are
 *   case-sensitive; an unknown one is refused, and the nearest known one named, unless it begins with "x-" or
 *   options.ignoreUnknown is true. Every verb accepts every common key, so that one options object serves all.
 *   Inside CNI's own structures (configurations, results) keys match as in the CNI project's Go library, and unknown
 *   ones pass. Integers survive exactly, whatever their size.
 *
 *   Common keys:
 *     network         object or string  a network configuration list or a single plugin's configuration; or the name
 *                                       of a network in options.confDir
 *     networkFile     string            path of a .conflist or .conf file
 *     containerId     string            1.. letters, digits, '_', '.', '-'; begins with a letter or digit
 *     ifName          string            1 to 15 bytes, no '/', ':' or blanks; default "eth0"
 *     netns           string            path of the container's network namespace; opened once, by the calling thread
 *     args            object or [[k,v]] strings for plugins (CNI_ARGS); no ';' or NUL, no '=' in a key
 *     capabilityArgs  object            by capability: portMappings, bandwidth, ips, mac, ...
 *     requestId       string            names this call for cni_cancel; one that is in use already is kind busy
 *     options         object            all optional:
 *       confDir            string       networks by name; default "/etc/cni/net.d"
 *       pluginDirs         [string]     plugin executables; default "/opt/cni/bin", "/usr/libexec/cni", "/usr/lib/cni"
 *       cacheDir           string       what is attached; default "/var/lib/cni", shared with Go programs
 *       stateDir           string       state of this boot; default "/run/cni"; one per host network namespace
 *       owner              string       who attaches; default "libcni"; cni_gc touches only its own
 *       builtins           string       "prefer" (default): the built-in plugin if there is one, else an executable;
 *                                       "fallback": the executable first; "only"; "never"
 *       onExisting         string       what cni_add does when attached already: "fail" (default) or "replace"
 *       timeoutMs          number       milliseconds; default 60000, for volumes 120000; 0 for none
 *       rollbackTimeoutMs  number       milliseconds for undoing a failed cni_add or cni_volume_mount; default 10000
 *       rollback           bool         default true: a failed cni_add or cni_volume_mount undoes what this call did
 *       env                object       environment of plugin executables, strings, over the host's
 *       inheritEnv         bool         default true; false: plugin executables get only env and CNI_*
 *       ignoreUnknown      bool         default false; true: unknown keys of the request pass
 *       volumePluginDirs   [string]     volume plugins by name; default "/run/docker/plugins", "/etc/docker/plugins",
 *                                       "/usr/lib/docker/plugins"
 *       volumePlugins      object       name to address, or to the path of a socket; these are not looked for
 *       volumeRetryMs      number       milliseconds to try again while a volume plugin cannot be found or connected to;
 *                                       default 0; Docker's daemon has 30000
 *       volumeReload       bool         default false; true: shake hands anew, also with a volume plugin that is known
 *       volumeTimeouts     object       connectMs (default 10000, each connection), activateMs (10000, the handshake)
 *                                       and headerMs (0: none, until an answer begins), within timeoutMs
 *
 * RETURN VALUES
 *     0   done; the response is the verb's result.
 *    >0   a CNI error code: of the specification (1 to 99), 999, or a plugin's own (100 and up); see cni_strerror.
 *    <0   -errno, the verdict of libcni itself.
 *
 * ERRORS
 *   When the return value is not 0, the response is the specification's error object with more keys:
 *
 *     {"cniVersion":"1.1.0","code":999,"msg":"...","details":"...","kind":"plugin-failed","errno":"ETIMEDOUT",
 *      "command":"ADD","network":"web","containerId":"c1","ifName":"eth0",
 *      "plugin":{"type":"portmap","index":1,"builtin":true},"stderr":"...","retryable":false,"rolledBack":true}
 *
 *   An error about a volume has volume and "volumePlugin":{"name","address","endpoint","status"} instead.
 *
 *   cniVersion, code, msg, kind and retryable are always there. code is always positive, so that the object can be
 *   passed up a CNI chain; a plugin's own error passes through in code, msg and details unchanged. msg says what
 *   happened and what can be done; details holds the offending key for the two invalid-... kinds. Branch on kind:
 *
 *     kind                   returns            when
 *     invalid-request        -EINVAL            the request is NULL, too long, not UTF-8, not JSON, has a duplicate,
 *                                               unknown or mistyped key, or lacks one
 *     invalid-config         -EINVAL            the network configuration
 *     network-not-found      -ENOENT            no such network in confDir, and none cached
 *     plugin-not-found       -ENOENT            neither built in nor in pluginDirs
 *     namespace-not-found    -ENOENT            netns does not exist
 *     not-a-namespace        -EINVAL            netns is no network namespace, or is the caller's own
 *     exists                 -EEXIST            attached already, or the interface exists: existing has the attachment
 *                                               if it is known; or a host port is taken, msg says by whom
 *     timeout                -ETIMEDOUT         the deadline passed
 *     cancelled              -ECANCELED         by cni_cancel
 *     busy                   -EBUSY             a lock was not free in time; requestId in use; called from a log callback
 *     plugin-failed          the plugin's code  a plugin, built in or not, said no
 *     drift                  the plugin's code  cni_check: drift lists {plugin, object, expected, actual}, all of it
 *     plugin-protocol        -EPROTO            a plugin's output is no CNI answer, or a volume plugin's no good answer
 *     plugin-status-unknown  -ECHILD            the host reaped the plugin's process, and nothing tells how it ended
 *     volume-plugin-not-found    -ENOENT        nothing in volumePlugins and volumePluginDirs has the name
 *     volume-plugin-unreachable  -ECONNREFUSED  no connection to the volume plugin; nothing was sent (see errno)
 *     not-a-plugin               -EPROTO        the file names no address, or what listens there does not shake hands
 *     wrong-plugin-kind          -EPROTOTYPE    a plugin, but not for volumes
 *     volume-plugin-failed   the code 999         the volume plugin said no; details has its text
 *     volume-not-found       -ENOENT            the volume plugin knows no such volume
 *     volume-no-mountpoint   -EPROTO            the volume plugin named no absolute path where it mounted
 *     state                  -EIO -ENOSPC       state on disk cannot be read or written (see errno), or the process
 *                            -EROFS -EACCES     has too few free descriptors
 *                            -EMFILE
 *     permission             -EPERM             CAP_NET_ADMIN and CAP_SYS_ADMIN are needed
 *     unsupported            -ENOTSUP           the kernel, the version or the mode lacks it; msg says which
 *     forked                 -ENOTRECOVERABLE   called in the child of a fork; see FORK
 *     bug                    -EFAULT            a defect of libcni was caught; details has the stack
 *
 *   Any verb may answer invalid-request, timeout, cancelled, busy, state, permission, forked and bug; what is listed at
 *   each function is beyond these. errno is left as it was. Nothing is written to standard output or standard error.
 *
 * TIME
 *   A call returns at the latest after options.timeoutMs + 2 s (SIGTERM to SIGKILL for a plugin process), and a failed
 *   cni_add after options.rollbackTimeoutMs + 2 s more. With the defaults this is 74 seconds. Volumes: after
 *   options.timeoutMs, and a failed cni_volume_mount after options.rollbackTimeoutMs more; 130 seconds. A file system
 *   that hangs is beyond this promise.
 *
 * THREADS
 *   Every function may be called from any number of threads; 16 KiB of stack are enough. A call sees the mount and
 *   network namespaces, the user and the capabilities of the calling thread as they are when it is made, and leaves
 *   the thread in them. The environment is read when the call is made (setenv counts), and not at all in set-uid
 *   programs.
 *
 * FORK
 *   fork followed by exec is safe. In a child of fork, or of clone without CLONE_VM, that has not called exec, every
 *   function answers -ENOTRECOVERABLE at once, if the parent had loaded libcni; cni_free, cni_version, cni_abi_version
 *   and cni_strerror still work. Loading libcni after the fork is safe.
 *
 * SIGNALS
 *   The signal mask of the calling thread, the limit on open files, umask, working directory, environment and open
 *   descriptors are after a call, and after loading, what they were before; descriptors used in between are
 *   close-on-exec. The library's own threads block every signal that can be blocked: yours, SIGCHLD among them, go to
 *   your threads and your signalfd. Loading installs handlers for SIGSEGV, SIGBUS, SIGFPE and SIGPIPE, which pass what
 *   is not theirs to the host's handlers of before, and sets SA_ONSTACK on the handlers that there are. A handler
 *   installed later without SA_ONSTACK runs on a thread in a call when the call has returned. The library's plugin
 *   processes are children of the host, send SIGCHLD and are reaped by the library; a host that calls waitpid(-1) or
 *   ignores SIGCHLD does not change a verdict.
 *
 * WHEN NOT TO LOAD IT
 *   Loading starts threads and Go's runtime, for good. Keep it out of the process (isolated or exec mode of cni_dl.h, or
 *   the command cni) if the process must have one thread (unshare or setns of user namespaces, setns of mount
 *   namespaces), closes descriptors that are not its own after a call, calls vfork or clone with CLONE_VM and libcni in
 *   that child, is written in Go itself, is not of glibc, or must survive a defect that ends the runtime.
 *   docs/embedding.md has the measured list.
 *
 * VERSIONS
 *   The soname is libcni.so.0 and each symbol carries the version in which it appeared (LIBCNI_0.1). While the soname
 *   stands no function is removed or changed, and new keys are optional.
 */
#ifndef LIBCNI_CNI_H
#define LIBCNI_CNI_H

#ifdef __cplusplus
extern "C" {
#endif

#define CNI_VERSION_MAJOR 0
#define CNI_VERSION_MINOR 1
#define CNI_VERSION_PATCH 0
#define CNI_VERSION "0.1.0"
/** Of the header; compare with cni_abi_version() of the library. */
#define CNI_ABI_VERSION 0
/** One number that grows with the version: 0.1.0 is 1000. */
#define CNI_VERSION_NUMBER (CNI_VERSION_MAJOR * 1000000 + CNI_VERSION_MINOR * 1000 + CNI_VERSION_PATCH)
/** The longest request in bytes, without the final NUL. */
#define CNI_MAX_REQUEST 16777216

#if defined(__GNUC__)
#define CNI_API __attribute__((visibility("default")))
#else
#define CNI_API
#endif

/* ---- Networks ------------------------------------------------------------------------------------------------- */

/**
 * Attach a container to a network.
 *
 * Request: network or networkFile, containerId, netns; ifName, args, capabilityArgs, requestId, options.
 * Response: the CNI result, in the version of the configuration:
 *   {"cniVersion":"1.1.0","interfaces":[{"name","mac","sandbox","mtu"}],"ips":[{"interface","address","gateway"}],
 *    "routes":[{"dst","gw"}],"dns":{}}
 * A failed attachment is undone (options.rollback); rolledBack says whether nothing of it is left. What an earlier
 * call left incomplete, or made for a namespace that is gone, is undone first.
 *
 * @return 0; kinds invalid-config, network-not-found, plugin-not-found, namespace-not-found, not-a-namespace, exists,
 *         plugin-failed, plugin-protocol, plugin-status-unknown, unsupported.
 * @since 0.1
 */
CNI_API int cni_add(const char *request, char **response);

/**
 * Detach a container.
 *
 * Request: containerId; network, networkFile, ifName, netns, args, capabilityArgs, requestId, options, and
 *   force  bool  default false; true: go on past a failing plugin, and report all errors joined
 * Which configuration: a network object or file that is given wins; for a name it is the one remembered from cni_add,
 * else the one in confDir; without network every remembered attachment of containerId (of ifName, if given) goes.
 * Works with the namespace, the configuration or the memory of the attachment gone, and when repeated.
 * Response: {"found":true,"removed":[{"network","containerId","ifName"}]}; found false, removed [] when there was
 * nothing.
 *
 * @return 0; kinds invalid-config, network-not-found, plugin-not-found, plugin-failed, plugin-protocol,
 *         plugin-status-unknown. The attachment stays remembered for another try unless force is given.
 * @since 0.1
 */
CNI_API int cni_del(const char *request, char **response);

/**
 * Check that an attachment is as cni_add left it.
 *
 * Request: containerId; network (may be left out), networkFile, ifName, netns, args, capabilityArgs, requestId,
 *   options.
 * Response: {}.
 *
 * @return 0; kinds drift (the error's drift lists every difference), invalid-config, network-not-found,
 *         plugin-not-found, namespace-not-found, not-a-namespace, plugin-failed, plugin-protocol,
 *         plugin-status-unknown, unsupported.
 * @since 0.1
 */
CNI_API int cni_check(const char *request, char **response);

/**
 * Put back what cni_check finds missing on the host's side of an attachment: firewall rules after a reload or flush,
 * forwarding, a bridge's address. The container's interface is not touched.
 *
 * Request: as for cni_check; or
 *   all  bool  default false; true: every attachment of options.owner, and no network, networkFile or containerId
 * Response: {"repaired":[{"network","containerId","ifName","plugin","object"}]}, what was put back; [] when nothing
 * was missing. Attachments that are incomplete, or whose namespace is gone, are left to cni_del and cni_gc. Plugins that
 * are executables are not asked.
 *
 * @return 0; kinds as for cni_check. With several attachments the others are repaired when one fails.
 * @since 0.1
 */
CNI_API int cni_repair(const char *request, char **response);

/**
 * Remove what is left of attachments that no longer exist.
 *
 * Request: network or networkFile, requestId, options, and
 *   validAttachments  [{"containerId","ifName"}]  required: what must stay
 *   asOf              string                      required: from cni_attachments, called before the list of valid
 *                                                 attachments was made; newer ones are never removed, nor
 *                                                 are those of the last 60 seconds, whose caller may not list them yet
 *   dryRun            bool                        default false; true: only say what would be removed
 * Attachments of other owners are left alone unless options.owner is "*".
 * Response: {"removed":[{"network","containerId","ifName"}]}.
 *
 * @return 0; kinds invalid-config, network-not-found, plugin-not-found, plugin-failed, plugin-protocol,
 *         plugin-status-unknown.
 * @since 0.1
 */
CNI_API int cni_gc(const char *request, char **response);

/**
 * Ask whether cni_add could succeed on a network now.
 *
 * Request: network or networkFile, requestId, options.
 * Response: {}.
 *
 * @return 0; 50: no; 51: attached containers would have limited connectivity; kinds invalid-config,
 *         network-not-found, plugin-not-found, plugin-failed, plugin-protocol, plugin-status-unknown.
 * @since 0.1
 */
CNI_API int cni_status(const char *request, char **response);

/**
 * Check a network's configuration without attaching anything.
 *
 * Request: network or networkFile, requestId, options.
 * Response: {"name","cniVersion","capabilities":["portMappings"],
 *   "plugins":[{"type","builtin","path","supportedVersions"}]}.
 *
 * @return 0; kinds invalid-config, network-not-found, plugin-not-found, unsupported.
 * @since 0.1
 */
CNI_API int cni_validate(const char *request, char **response);

/* ---- What is there -------------------------------------------------------------------------------------------- */

/**
 * List the networks of options.confDir.
 *
 * Request: requestId, options.
 * Response: {"networks":[{"name","cniVersion","file","plugins":["bridge"]}],"errors":[{"file","msg"}]}; a file that
 * cannot be used is listed under errors and hides no other.
 *
 * @return 0.
 * @since 0.1
 */
CNI_API int cni_networks(const char *request, char **response);

/**
 * List the attachments in options.cacheDir.
 *
 * Request: containerId, ifName and network (a name) to list only theirs; requestId, options.
 * Response: {"asOf":"...","attachments":[{"network","containerId","ifName","netns","owner","args","capabilityArgs",
 * "result","config","state"}]}; state is "attached", "incomplete" (cni_add did not end) or "stale" (the namespace is
 * gone). asOf is for cni_gc.
 *
 * @return 0.
 * @since 0.1
 */
CNI_API int cni_attachments(const char *request, char **response);

/**
 * List the plugin types that can be used, built in or found in options.pluginDirs.
 *
 * Request: requestId, options.
 * Response: {"plugins":[{"type","builtin","path","supportedVersions"}],"errors":[{"file","msg"}]}; an executable that
 * does not answer VERSION is listed under errors.
 *
 * @return 0.
 * @since 0.1
 */
CNI_API int cni_plugins(const char *request, char **response);

/**
 * Tell about one plugin type.
 *
 * Request: type (string), requestId, options.
 * Response: {"type","builtin","path","supportedVersions"}; path only for an executable.
 *
 * @return 0; kinds plugin-not-found, plugin-failed, plugin-protocol.
 * @since 0.1
 */
CNI_API int cni_plugin_info(const char *request, char **response);

/**
 * Convert a CNI result to another version of the specification.
 *
 * Request: result (object), cniVersion (string, "0.1.0" to "1.1.0").
 * Response: the result in that version.
 *
 * @return 0; kind unsupported.
 * @since 0.1
 */
CNI_API int cni_convert(const char *request, char **response);

/* ---- Network namespaces --------------------------------------------------------------------------------------- */

/**
 * Create a network namespace bound to a file, with the loopback interface up.
 *
 * Request: either name (string; made as /run/netns/NAME, where ip-netns(8) looks) or path (string).
 * Response: {"path":"..."}.
 *
 * @return 0; kind exists if the file exists.
 * @since 0.1
 */
CNI_API int cni_netns_create(const char *request, char **response);

/**
 * Delete a network namespace's file. The namespace goes when its last process is gone.
 *
 * Request: either name or path (string).
 * Response: {"path":"..."}.
 *
 * @return 0; kinds namespace-not-found, not-a-namespace.
 * @since 0.1
 */
CNI_API int cni_netns_delete(const char *request, char **response);

/* ---- Volumes -------------------------------------------------------------------------------------------------- */

/*
 * Volume plugins of Docker and Podman. plugin, in each request below, is the plugin's name or its address:
 *   NAME                a key of options.volumePlugins, else NAME.sock or NAME/NAME.sock in options.volumePluginDirs, else
 *                       NAME.spec, NAME/NAME.spec, NAME.json or NAME/NAME.json in each of them
 *   unix:///PATH        a socket
 *   tcp://HOST:PORT     HTTP, as http://HOST:PORT
 *   https://HOST:PORT   verified with the system's certificates; for a plugin by name, as TLSConfig in its .json says
 * The plugin shakes hands before the first call, and again when its socket was made anew or a connection failed. No
 * request is sent twice. Environment variables for proxies do not count.
 *
 * Each may answer the kinds volume-plugin-not-found, volume-plugin-unreachable, not-a-plugin, wrong-plugin-kind,
 * volume-plugin-failed and plugin-protocol, if it names a plugin; what is listed at each is beyond these. After kinds
 * timeout, cancelled and plugin-protocol the plugin may have done what it was asked; msg says so.
 */

/**
 * Create a volume.
 *
 * Request: plugin, name (of the volume), opts (object of strings, for the plugin); requestId, options.
 * Response: {}.
 *
 * @return 0; the kinds above.
 * @since 0.1
 */
CNI_API int cni_volume_create(const char *request, char **response);

/**
 * Remove a volume.
 *
 * Request: plugin, name; requestId, options.
 * Response: {}.
 *
 * @return 0; the kinds above.
 * @since 0.1
 */
CNI_API int cni_volume_remove(const char *request, char **response);

/**
 * Mount a volume, and say where.
 *
 * Request: plugin, name; id (string: who the mount is for; each mount has its own, such as a container's id);
 *   requestId, options.
 * Response: {"mountpoint":"/..."}.
 * If it is not known whether a failed mount was carried out (timeout, cancelled, plugin-protocol,
 * volume-no-mountpoint), it is unmounted with the same id, unless options.rollback is false; rolledBack says whether
 * nothing is left. If it is false, cni_volume_unmount with the same id finishes it.
 *
 * @return 0; the kinds above; kind volume-no-mountpoint.
 * @since 0.1
 */
CNI_API int cni_volume_mount(const char *request, char **response);

/**
 * End a mount. The volume stays mounted for others that mounted it with ids of their own.
 *
 * Request: plugin, name, id (that of the mount); requestId, options.
 * Response: {}.
 *
 * @return 0; the kinds above.
 * @since 0.1
 */
CNI_API int cni_volume_unmount(const char *request, char **response);

/**
 * Tell where a volume is mounted.
 *
 * Request: plugin, name; requestId, options.
 * Response: {"mountpoint":"/..."}; "" if it is not mounted.
 *
 * @return 0; the kinds above; kind volume-no-mountpoint for what is no absolute path.
 * @since 0.1
 */
CNI_API int cni_volume_path(const char *request, char **response);

/**
 * Tell about a volume.
 *
 * Request: plugin, name; requestId, options.
 * Response: {"volume":{"plugin","name","mountpoint","createdAt","status":{}}}; mountpoint, createdAt and status only if
 * the plugin tells them.
 *
 * @return 0; the kinds above; kind volume-not-found.
 * @since 0.1
 */
CNI_API int cni_volume_get(const char *request, char **response);

/**
 * List the volumes of a plugin, or of all plugins that can be found.
 *
 * Request: plugin (left out: all); requestId, options.
 * Response: {"volumes":[{"plugin","name","mountpoint","createdAt","status"}],
 *   "errors":[{"plugin","address","file","kind","msg"}]}.
 * Of several plugins, one that could not be asked is under errors: that it lists nothing does not mean that its volumes
 * are gone. They are asked at the same time, and options.volumeRetryMs does not apply.
 *
 * @return 0; the kinds above, if plugin is given.
 * @since 0.1
 */
CNI_API int cni_volume_list(const char *request, char **response);

/**
 * Tell the scope of a plugin's volumes.
 *
 * Request: plugin; requestId, options.
 * Response: {"scope":"local"}: each host has its own; or "global". A plugin that does not say is local.
 *
 * @return 0; the kinds above, except volume-plugin-failed.
 * @since 0.1
 */
CNI_API int cni_volume_capabilities(const char *request, char **response);

/**
 * List the volume plugins that can be found by name.
 *
 * Request: requestId, options.
 * Response: {"plugins":[{"name","address","file"}],"errors":[{"plugin","address","file","kind","msg"}]}; a file that
 * does not name an address is under errors. The plugins are not asked, unless options.volumeReload is true: then each
 * shakes hands anew, and those that do not are under errors.
 *
 * @return 0.
 * @since 0.1
 */
CNI_API int cni_volume_plugins(const char *request, char **response);

/* ---- Any verb, cancelling, description ------------------------------------------------------------------------ */

/**
 * Call a verb by name: the function's name without cni_, with '.' for the '_' after netns, plugin and volume;
 * "add", "plugin.info", "netns.create", "volume.mount". "describe" is a verb here, too.
 *
 * @return as the function named; kind invalid-request if there is none of that name.
 * @since 0.1
 */
CNI_API int cni_call(const char *method, const char *request, char **response);

/**
 * Cancel a call that another thread makes. It ends with kind cancelled unless it ends otherwise first.
 * Not async-signal-safe: do not call it from a signal handler.
 *
 * @param request_id the requestId of that call
 * @return 0; -ENOENT if no call of that requestId is under way; -EINVAL for NULL; -ENOTRECOVERABLE (see FORK).
 * @since 0.1
 */
CNI_API int cni_cancel(const char *request_id);

/**
 * Describe the library: functions, kinds of error, and JSON Schema (2020-12) of requests and responses.
 * The response is the installed file cni.api.json.
 *
 * @return 0; -ENOTRECOVERABLE (see FORK).
 * @since 0.1
 */
CNI_API int cni_describe(char **response);

/* ---- Memory, versions, codes ---------------------------------------------------------------------------------- */

/**
 * Give back a response. NULL is allowed.
 *
 * @since 0.1
 */
CNI_API void cni_free(void *p);

/**
 * The library's version, such as "0.1.0".
 *
 * @since 0.1
 */
CNI_API const char *cni_version(void);

/**
 * The library's ABI version: the number in its soname.
 *
 * @since 0.1
 */
CNI_API int cni_abi_version(void);

/**
 * Describe a return value in a few words, for people. Never NULL.
 *
 * @since 0.1
 */
CNI_API const char *cni_strerror(int code);

/* ---- Log ------------------------------------------------------------------------------------------------------ */

/**
 * Receives one event, a JSON object that is valid until the callback returns:
 *   {"event":"plugin","command":"ADD","network":"web","containerId":"c1","ifName":"eth0","plugin":"bridge",
 *    "builtin":true,"durationMs":0.6}
 * event is "plugin" (a plugin ran; code is what it returned, if not 0; stderr what it wrote) or "warning" (see msg).
 *
 * It must return normally (no longjmp, no exception, no pthread_exit) and may call cni_cancel, cni_describe, cni_free,
 * cni_version, cni_abi_version and cni_strerror. Any other function answers -EBUSY there, and does nothing.
 */
typedef void (*cni_log_fn)(const char *event, void *user);

/**
 * Set the callback for events, for the whole process; NULL for none, as at the start.
 *
 * The callback runs only on a thread that is in a call of libcni, during that call. Calls begun before the first
 * callback was set may not report. When cni_set_log returns, the previous callback is not running and will not run
 * again: it waits for callbacks of other threads to return.
 *
 * @return 0; -EBUSY if called from a callback; -ENOTRECOVERABLE (see FORK).
 * @since 0.1
 */
CNI_API int cni_set_log(cni_log_fn fn, void *user);

#ifdef __cplusplus
}
#endif

#endif
