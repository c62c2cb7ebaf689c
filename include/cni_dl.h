/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file cni_dl.h
 * @brief libcni without linking it: located at run time and, where necessary, kept out of the
 *        process.
 *
 *     #include <cni_dl.h>
 *
 *     cni_dl api;
 *     char *response;
 *     if (cni_dl_open(&api, NULL, CNI_DL_ISOLATED, &response) == 0) {
 *         int rc = api.add(&api, "{\"network\":\"web\",\"containerId\":\"c1\","
 *                                "\"netns\":\"/run/netns/c1\"}", &response);
 *         ...
 *         api.free(&api, response);
 *         cni_dl_close(&api);
 *     }
 *
 * The whole implementation is in this file, in C99 or C++. It needs only the C library (-ldl and
 * -pthread with glibc before 2.34), and may be included before or after other headers. One header
 * is an exception: <linux/fcntl.h> conflicts with glibc's <fcntl.h>, which the code needs. A file
 * that includes <linux/fcntl.h> can have the declarations alone (CNI_DL_DECLARATIONS below).
 *
 * cni.h is the manual of the verbs; here each takes the api as its first argument. Requests,
 * responses, return values and kinds of errors are those of cni.h in every mode.
 *
 * ONE COPY OF THE CODE
 *   By default every file that includes this header gets static functions. In a program of several
 *   files, define CNI_DL_IMPLEMENTATION in one of them and CNI_DL_DECLARATIONS in the others: the
 *   first then has the code, and the others include only <stddef.h> and <stdint.h>.
 *
 * MODES
 *   CNI_DL_INPROCESS  dlopen. From then on the process has Go's threads and handlers (cni.h,
 *                     SIGNALS).
 *   CNI_DL_ISOLATED   Each call runs in a child that is made with clone and exit signal 0: the
 *                     child sends no SIGCHLD, and waitpid(-1) does not return it. The child has the
 *                     caller's namespaces, directory, environment and rights at the time of the
 *                     call. The process keeps one thread, its handlers, limits and descriptors. A
 *                     crash of the library becomes kind bug.
 *                     The library is mapped in the process, so that children need not load it, but
 *                     Go does not run there. Therefore the process keeps the library that it found
 *                     when the api was opened; a newer one is used after the program has been
 *                     restarted.
 *                     This mode requires a process with a single thread that is not a fork of one
 *                     in which libcni was started; otherwise the kind is unsupported. If Go cannot
 *                     start in a child, for lack of memory or threads, the kind is bug.
 *   CNI_DL_EXEC       Each call runs the command cni in a child (posix_spawn): for hosts with
 *                     threads, static hosts, set-uid hosts, and where a licence forbids linking.
 *                     The child sends SIGCHLD. The host may reap it by waitpid(-1), which changes
 *                     no response.
 *
 *   Isolated and exec: the next call, or cni_dl_close, reaps children, so that no response is
 *   delayed; until then a child that has responded may be a zombie. A child that exceeds the sum of
 *   the request's timeoutMs and rollbackTimeoutMs by more than api->grace_ms (9000; the host may
 *   change it) is killed: kind timeout. If the host exits during a call, the call still runs to
 *   completion. An api is used by one thread at a time; any number of them may be open. A forked
 *   child may use an inherited api only after it has opened it again. A call that would be the
 *   first process of a new PID namespace (unshare, CLONE_NEWPID) is refused: kind unsupported.
 *
 *   A host that cannot know whether it has threads uses cni_dl_open_outside: isolated if possible,
 *   otherwise exec, decided anew for each call.
 *
 *   A netns or networkFile below /proc/self, /proc/thread-self or /dev/fd means the caller's
 *   process in every mode.
 *
 * MEMORY
 *   A response is NULL only if there is no memory for it, not even for an error object. The return
 *   value is -EIO then, and after cni_dl_finish the call is released as always. The free functions
 *   accept NULL.
 *
 * CALLS THAT DO NOT BLOCK (isolated and exec)
 *     cni_dl_call *call;
 *     rc = cni_dl_start(&api, "add", request, &call, &response);   0, or an error as from a call
 *     fd = cni_dl_descriptor(call);                                poll it for reading
 *     rc = cni_dl_finish(call, &response);     -EINPROGRESS: poll again; otherwise call is released
 *     cni_dl_cancel(call);                     ends the call soon, usually with kind cancelled
 *   Log callbacks run in cni_dl_finish. api.cancel finds a call by the requestId of its request.
 *
 * JSON
 *   Text that is not a constant of the program must be quoted before it becomes part of a request:
 *   a container's id may hold quotes, and would add keys to the request otherwise.
 *     request = cni_dl_json("{\"containerId\":%s,\"network\":%s}", id, network);
 *   cni_dl_json and cni_dl_quote quote, cni_dl_unquote does the reverse. cni_dl_container_id
 *   converts the id of a runtime to one that CNI allows. cni_dl_find returns the value of a key of
 *   an object, cni_dl_value_end the end of a value.
 *
 * PACKAGES
 *   CNI_DL_NOTE("...") at file level tells packagers that the program can use libcni (.note.dlopen,
 *   see https://systemd.io/ELF_DLOPEN_METADATA); the argument is "required", "recommended" or
 *   "suggested".
 */
#ifndef LIBCNI_CNI_DL_H
#define LIBCNI_CNI_DL_H

#if defined(CNI_DL_IMPLEMENTATION) || defined(CNI_DL_DECLARATIONS)
#define CNI_DL_FUNCTION
#else
#define CNI_DL_FUNCTION static inline
#endif

/* The code uses functions of POSIX and Linux. If an earlier header has chosen fewer features
 * (-std=c99 does), the choice is made again, and headers that it has cut short are included once
 * more. Those after this one then declare everything, as with _GNU_SOURCE. */
#ifndef CNI_DL_DECLARATIONS
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#if defined(__GLIBC__) && !defined(__USE_GNU)
#if !defined(__USE_POSIX)
#undef _SIGNAL_H
#undef _STRING_H
#undef _TIME_H
#elif !defined(__USE_XOPEN2K8)
#error "_POSIX_C_SOURCE is older than 200809L; include cni_dl.h before other headers"
#endif
#undef _FEATURES_H
#include <features.h>
#endif
#endif

#include <stddef.h>
#include <stdint.h>
#ifndef CNI_DL_DECLARATIONS
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

/* What an earlier header with fewer features has left out. C++ always has all of them. */
#if defined(__GLIBC__) && !defined(__cplusplus)
#include <bits/types/idtype_t.h>
#ifndef RTLD_DEFAULT
#define RTLD_DEFAULT ((void *)0)
#endif
#ifndef F_DUPFD_CLOEXEC
#define F_DUPFD_CLOEXEC 1030
#endif
#ifndef O_CLOEXEC
#define O_CLOEXEC __O_CLOEXEC
#endif
#ifndef O_TMPFILE
#define O_TMPFILE __O_TMPFILE
#endif
#ifndef WNOHANG
#define WNOHANG 1
#endif
#ifndef WEXITED
#define WEXITED 4
#endif
#ifndef CLOCK_MONOTONIC
#define CLOCK_MONOTONIC 1
#endif
extern ssize_t pread(int fd, void *to, size_t size, off_t from);
extern ssize_t readlink(const char *path, char *target, size_t size);
extern long syscall(long number, ...);
extern int waitid(idtype_t type, id_t id, siginfo_t *info, int options);
#if __GLIBC_PREREQ(2, 34)
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *files, int from);
#endif
#endif
extern char **environ;
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum { CNI_DL_INPROCESS, CNI_DL_ISOLATED, CNI_DL_EXEC };

/** The name of the library, and the paths of the command when the environment is not trusted. */
#ifndef CNI_DL_SONAME
#define CNI_DL_SONAME "libcni.so.0"
#endif
#ifndef CNI_DL_COMMANDS
#define CNI_DL_COMMANDS                                                                            \
    {                                                                                              \
        "/usr/local/bin/cni", "/usr/bin/cni"                                                       \
    }
#endif

#define CNI_DL_JSON(importance)                                                                    \
    "[{\"feature\":\"cni\",\"description\":\"Container networks\",\"priority\":\"" importance      \
    "\",\"soname\":[\"" CNI_DL_SONAME "\"]}]"
#define CNI_DL_NOTE(importance)                                                                    \
    __attribute__((used, section(".note.dlopen"), aligned(4))) static const struct {               \
        uint32_t name_size, value_size, type;                                                      \
        char name[4], value[(sizeof(CNI_DL_JSON(importance)) + 3) / 4 * 4];                        \
    } cni_dl_note = {                                                                              \
        4, sizeof(CNI_DL_JSON(importance)), 0x407c0c0aU, "FDO", CNI_DL_JSON(importance)}

/** The verbs: the member of the table, and the method. The symbol is cni_ and the name of the
 * member. */
/* Code generated by api/generate from api/cni.api.json. DO NOT EDIT. verbs: */
/* clang-format off */
#define CNI_DL_VERBS(X)                                                                            \
    X(add, "add")                                                                                  \
    X(del, "del")                                                                                  \
    X(check, "check")                                                                              \
    X(repair, "repair")                                                                            \
    X(gc, "gc")                                                                                    \
    X(status, "status")                                                                            \
    X(validate, "validate")                                                                        \
    X(networks, "networks")                                                                        \
    X(attachments, "attachments")                                                                  \
    X(inspect, "inspect")                                                                          \
    X(plugins, "plugins")                                                                          \
    X(plugin_info, "plugin.info")                                                                  \
    X(schema, "schema")                                                                            \
    X(convert, "convert")                                                                          \
    X(netns_create, "netns.create")                                                                \
    X(netns_delete, "netns.delete")                                                                \
    X(volume_create, "volume.create")                                                              \
    X(volume_remove, "volume.remove")                                                              \
    X(volume_mount, "volume.mount")                                                                \
    X(volume_unmount, "volume.unmount")                                                            \
    X(volume_path, "volume.path")                                                                  \
    X(volume_get, "volume.get")                                                                    \
    X(volume_list, "volume.list")                                                                  \
    X(volume_capabilities, "volume.capabilities")                                                  \
    X(volume_plugins, "volume.plugins")
/* clang-format on */
/* End of verbs. */

typedef struct cni_dl cni_dl;
typedef struct cni_dl_call cni_dl_call;
typedef void (*cni_dl_log_fn)(const char *event, void *user);
typedef int (*cni_dl_verb)(const char *request, char **response);

/** The symbols of the library. */
struct cni_dl_library {
    void *handle;
#define CNI_DL_MEMBER(name, method) cni_dl_verb name;
    CNI_DL_VERBS(CNI_DL_MEMBER)
#undef CNI_DL_MEMBER
    int (*call)(const char *method, const char *request, char **response);
    int (*describe)(char **response);
    int (*cancel)(const char *request_id);
    int (*set_log)(cni_dl_log_fn fn, void *user);
    void (*free)(void *p);
    const char *(*version)(void);
    int (*abi_version)(void);
    const char *(*strerror)(int code);
};

/** An open libcni. A verb that an older library lacks is NULL; the functions below the verbs always
 * exist. */
struct cni_dl {
#define CNI_DL_MEMBER(name, method) int (*name)(cni_dl * api, const char *request, char **response);
    CNI_DL_VERBS(CNI_DL_MEMBER)
#undef CNI_DL_MEMBER
    int (*call)(cni_dl *api, const char *method, const char *request, char **response);
    int (*describe)(cni_dl *api, char **response);
    int (*cancel)(cni_dl *api, const char *request_id);
    int (*set_log)(cni_dl *api, cni_dl_log_fn fn, void *user);
    void (*free)(cni_dl *api, void *p);
    const char *(*version)(cni_dl *api);
    int (*abi_version)(cni_dl *api);
    const char *(*strerror)(cni_dl *api, int code);

    int mode;
    int grace_ms;

    /* The rest is private. */
    struct cni_dl_library library; /* isolated: for the children, or empty */
    char *path;
    char *command; /* isolated: runs calls while the process has threads; or NULL */
    char found_version[32];
    int found_abi;
    cni_dl_log_fn log;
    void *log_user;
    int in_log;
    unsigned long started;
    cni_dl_call *calls; /* begun with cni_dl_start and not finished */
    int *unreaped;      /* pidfds of children that have answered */
    size_t unreaped_count, unreaped_room;
};

/* ---- The functions --------------------------------------------------------------------------- */

/**
 * Opens libcni.
 *
 * @param api   is filled; cni_dl_close releases it
 * @param path  path of the library, or with CNI_DL_EXEC of the command. NULL: libcni.so.0 on the
 *              search path of the system, and the command cni in PATH. In set-uid programs the
 *              environment is not used.
 * @param mode  CNI_DL_INPROCESS, CNI_DL_ISOLATED, CNI_DL_EXEC
 * @param error on failure an error object, which the caller frees with free(); may be NULL
 * @return 0; -ENOTSUP (kind unsupported: there is no libcni, or the mode cannot work in this
 *         process), -EINVAL, -EIO, -EMFILE, -EFAULT, -ETIMEDOUT. After an error the api must not be
 *         closed.
 */
CNI_DL_FUNCTION int cni_dl_open(cni_dl *api, const char *path, int mode, char **error);

/**
 * Opens libcni outside the process: isolated, or exec if that is not possible because the process
 * has threads, is static, or finds no library. If it gets threads later, its calls run the command.
 *
 * @param api     is filled; api->mode says how it was opened
 * @param library path of the library, or NULL
 * @param command path of the command, or NULL
 * @param error   as for cni_dl_open; if neither is possible, msg has both reasons
 * @return as cni_dl_open
 */
CNI_DL_FUNCTION int cni_dl_open_outside(
    cni_dl *api, const char *library, const char *command, char **error);

/** Ends calls in progress and releases everything except the library, which stays loaded. */
CNI_DL_FUNCTION void cni_dl_close(cni_dl *api);

/** Begins a call of a method (see cni_call). Returns 0 and a call, which cni_dl_finish ends, or an
 * error and its object. */
CNI_DL_FUNCTION int cni_dl_start(
    cni_dl *api, const char *method, const char *request, cni_dl_call **call, char **response);

/** Returns a descriptor that is readable when cni_dl_finish has work to do. It belongs to the
 * call. */
CNI_DL_FUNCTION int cni_dl_descriptor(const cni_dl_call *call);

/** Returns -EINPROGRESS, or the return value of the call and its response, and releases the call.
 * Does not block. */
CNI_DL_FUNCTION int cni_dl_finish(cni_dl_call *call, char **response);

/** Requests the end of a call. cni_dl_finish is still required and returns the result. */
CNI_DL_FUNCTION void cni_dl_cancel(cni_dl_call *call);

/** Returns text as a JSON string with its quotes, or NULL if there is no memory; free() it. Bytes
 * that are not UTF-8 stay, and the library refuses the request. */
CNI_DL_FUNCTION char *cni_dl_quote(const char *text);

/** Returns the text of the JSON string at json, or NULL if there is no string without NUL, or no
 * memory; free() it. json may be NULL. */
CNI_DL_FUNCTION char *cni_dl_unquote(const char *json);

/** Returns the format with each %s replaced by a string as cni_dl_quote returns it, %d by an int,
 * %j by JSON text as it is, and %% by %; free() it. NULL if there is no memory, an argument of %s
 * or %j is NULL, or the format has anything else. */
CNI_DL_FUNCTION char *cni_dl_json(const char *format, ...);

/** Returns a container id that CNI allows; free() it. NULL if id is NULL or empty, or there is no
 * memory. An id that CNI allows is returned unchanged, unless it begins with "x.". Any other
 * becomes "x." and the id, in which each byte other than a letter, digit, '_' or '-' is replaced by
 * '.' and two hexadecimal digits: "_a" becomes "x._a", "+a" becomes "x..2ba". Different ids stay
 * different. */
CNI_DL_FUNCTION char *cni_dl_container_id(const char *id);

/** Returns the value of a key of the object at json, or NULL; json may be NULL. */
CNI_DL_FUNCTION const char *cni_dl_find(const char *json, const char *key);

/** Returns the end of the JSON value at json, or NULL. The text is checked elsewhere and only
 * little here. */
CNI_DL_FUNCTION const char *cni_dl_value_end(const char *json);

/* ---- The code: private from here on ---------------------------------------------------------- */

#ifndef CNI_DL_DECLARATIONS

struct cni_dl_text {
    char *data;
    size_t length, room;
    int failed;
};

struct cni_dl_call {
    cni_dl *api;
    cni_dl_call *next;
    int mode; /* of this call */
    const char *method;
    char *id;      /* requestId, or NULL if it is unknown */
    char *context; /* members for an error object */
    int pidfd, socket, trace, epoll, timer, netns;
    struct cni_dl_text in;
    int64_t deadline; /* of CLOCK_MONOTONIC in ms; 0 for none */
    int answered, ended, cancelled, rc;
    char *response, *load_error, *symbols;
};

/* ---- Text and JSON --------------------------------------------------------------------------- */

static inline int cni_dl_reserve(struct cni_dl_text *t, size_t more)
{
    char *grown;
    if (t->failed)
        return -1;
    if (t->room - t->length > more)
        return 0;
    grown = (char *)realloc(t->data, (t->room + more) * 2 + 64);
    if (grown == NULL) {
        t->failed = 1;
        return -1;
    }
    t->data = grown;
    t->room = (t->room + more) * 2 + 64;
    return 0;
}

static inline void cni_dl_put(struct cni_dl_text *t, const char *data, size_t length)
{
    if (cni_dl_reserve(t, length) != 0)
        return;
    memcpy(t->data + t->length, data, length);
    t->length += length;
    t->data[t->length] = '\0';
}

static inline void cni_dl_puts(struct cni_dl_text *t, const char *s)
{
    cni_dl_put(t, s, strlen(s));
}

/* Takes the text, or NULL if memory was missing. */
static inline char *cni_dl_take(struct cni_dl_text *t)
{
    if (t->failed) {
        free(t->data);
        t->data = NULL;
    }
    return t->data;
}

static inline void cni_dl_put_quoted(struct cni_dl_text *t, const char *s)
{
    char escaped[8];
    cni_dl_puts(t, "\"");
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            snprintf(escaped, sizeof escaped, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            snprintf(escaped, sizeof escaped, "\\u%04x", c);
        else
            snprintf(escaped, sizeof escaped, "%c", c);
        cni_dl_puts(t, escaped);
    }
    cni_dl_puts(t, "\"");
}

/* As cni_dl_put_quoted, for text that may have been cut within a character: what is not ASCII
 * becomes '?'. */
static inline void cni_dl_put_string(struct cni_dl_text *t, const char *s)
{
    size_t begin = t->length;
    cni_dl_put_quoted(t, s);
    for (; begin < t->length; begin++)
        if ((unsigned char)t->data[begin] > 0x7f)
            t->data[begin] = '?';
}

CNI_DL_FUNCTION char *cni_dl_quote(const char *text)
{
    struct cni_dl_text t = {NULL, 0, 0, 0};
    cni_dl_put_quoted(&t, text);
    return cni_dl_take(&t);
}

CNI_DL_FUNCTION char *cni_dl_json(const char *format, ...)
{
    struct cni_dl_text t = {NULL, 0, 0, 0};
    char number[16];
    const char *text;
    va_list values;
    cni_dl_puts(&t, "");
    va_start(values, format);
    for (; *format != '\0'; format++) {
        if (*format != '%') {
            cni_dl_put(&t, format, 1);
        } else if (*++format == 's' || *format == 'j') {
            text = va_arg(values, const char *);
            if (text == NULL)
                t.failed = 1;
            else if (*format == 's')
                cni_dl_put_quoted(&t, text);
            else
                cni_dl_puts(&t, text);
        } else if (*format == 'd') {
            snprintf(number, sizeof number, "%d", va_arg(values, int));
            cni_dl_puts(&t, number);
        } else if (*format == '%') {
            cni_dl_puts(&t, "%");
        } else {
            t.failed = 1;
            break;
        }
    }
    va_end(values);
    return cni_dl_take(&t);
}

/* Returns the number of four hexadecimal digits, or -1. */
static inline long cni_dl_hex(const char *p)
{
    long n = 0;
    int i;
    for (i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = strchr(digits, p[i] >= 'A' && p[i] <= 'F' ? p[i] + 32 : p[i]);
        if (p[i] == '\0' || digit == NULL)
            return -1;
        n = n * 16 + (digit - digits);
    }
    return n;
}

static inline void cni_dl_put_character(struct cni_dl_text *t, long c)
{
    char utf8[4];
    size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4, i;
    for (i = length - 1; i > 0; i--, c >>= 6)
        utf8[i] = (char)(0x80 | (c & 0x3f));
    utf8[0] = (char)(length == 1 ? c : (0xf00 >> length & 0xff) | c);
    cni_dl_put(t, utf8, length);
}

/* Appends the character of the escape sequence at p, and returns the sequence's end, or NULL. */
static inline const char *cni_dl_put_escaped(struct cni_dl_text *t, const char *p)
{
    static const char names[] = "\"\\/bfnrt", characters[] = "\"\\/\b\f\n\r\t";
    const char *name = strchr(names, *p);
    long c, low;
    if (*p != 'u') {
        if (*p == '\0' || name == NULL)
            return NULL;
        cni_dl_put(t, &characters[name - names], 1);
        return p + 1;
    }
    c = cni_dl_hex(++p);
    if (c <= 0 || (c >= 0xdc00 && c < 0xe000))
        return NULL;
    p += 4;
    if (c >= 0xd800 && c < 0xdc00) {
        low = p[0] == '\\' && p[1] == 'u' ? cni_dl_hex(p + 2) : -1;
        if (low < 0xdc00 || low >= 0xe000)
            return NULL;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        p += 6;
    }
    cni_dl_put_character(t, c);
    return p;
}

CNI_DL_FUNCTION char *cni_dl_unquote(const char *json)
{
    struct cni_dl_text t = {NULL, 0, 0, 0};
    if (json == NULL || *json != '"')
        return NULL;
    cni_dl_puts(&t, "");
    for (json++; json != NULL && *json != '"';) {
        if (*json == '\0')
            json = NULL;
        else if (*json == '\\')
            json = cni_dl_put_escaped(&t, json + 1);
        else
            cni_dl_put(&t, json++, 1);
    }
    if (json == NULL)
        t.failed = 1;
    return cni_dl_take(&t);
}

static inline int cni_dl_is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

CNI_DL_FUNCTION char *cni_dl_container_id(const char *id)
{
    struct cni_dl_text t = {NULL, 0, 0, 0};
    char escaped[4];
    const char *p;
    if (id == NULL || *id == '\0') /* as "x." all containers without an id would share one */
        return NULL;
    for (p = id; cni_dl_is_alphanumeric(*p) || (p > id && *p != '\0' && strchr("_.-", *p)); p++)
        ;
    if (p > id && *p == '\0' && strncmp(id, "x.", 2) != 0) {
        cni_dl_puts(&t, id);
        return cni_dl_take(&t);
    }
    cni_dl_puts(&t, "x.");
    for (p = id; *p != '\0'; p++) {
        if (cni_dl_is_alphanumeric(*p) || *p == '_' || *p == '-') {
            cni_dl_put(&t, p, 1);
        } else {
            snprintf(escaped, sizeof escaped, ".%02x", (unsigned char)*p);
            cni_dl_puts(&t, escaped);
        }
    }
    return cni_dl_take(&t);
}

static inline const char *cni_dl_blanks(const char *p) { return p + strspn(p, " \t\r\n"); }

CNI_DL_FUNCTION const char *cni_dl_value_end(const char *p)
{
    size_t depth = 0;
    do {
        p = cni_dl_blanks(p);
        if (*p == '"') {
            for (p++; *p != '"'; p++)
                if (*p == '\0' || (*p == '\\' && *++p == '\0'))
                    return NULL;
            p++;
        } else if (*p == '{' || *p == '[') {
            depth++;
            p++;
        } else if (*p == '}' || *p == ']') {
            if (depth-- == 0)
                return NULL;
            p++;
        } else if (depth > 0 && (*p == ',' || *p == ':')) {
            p++;
        } else {
            size_t length = strcspn(p, "\"{}[],: \t\r\n");
            if (length == 0)
                return NULL;
            p += length;
        }
    } while (depth > 0);
    return p;
}

CNI_DL_FUNCTION const char *cni_dl_find(const char *p, const char *key)
{
    size_t length = strlen(key);
    if (p == NULL || *(p = cni_dl_blanks(p)) != '{')
        return NULL;
    for (p++; *(p = cni_dl_blanks(p)) == '"'; p++) {
        const char *name = p + 1, *end = cni_dl_value_end(p);
        if (end == NULL || *(p = cni_dl_blanks(end)) != ':')
            return NULL;
        p = cni_dl_blanks(p + 1);
        if ((size_t)(end - name) == length + 1 && memcmp(name, key, length) == 0)
            return p;
        if ((p = cni_dl_value_end(p)) == NULL || *(p = cni_dl_blanks(p)) != ',')
            return NULL;
    }
    return NULL;
}

/* Returns the length of a string at p that has no escapes, including the quotes; otherwise 0. */
static inline size_t cni_dl_plain(const char *p)
{
    size_t length = 1;
    if (p == NULL || *p != '"')
        return 0;
    while (p[length] != '"')
        if (p[length] < 0x20 || p[length] > 0x7e || p[length] == '\\' || ++length > 4096)
            return 0;
    return length + 1;
}

static inline int64_t cni_dl_number(const char *p, int64_t otherwise)
{
    int64_t n = 0;
    if (p == NULL || *p < '0' || *p > '9')
        return otherwise;
    for (; *p >= '0' && *p <= '9' && n < INT64_C(1000000000000); p++)
        n = n * 10 + (*p - '0');
    return n;
}

static inline void cni_dl_put_context(
    struct cni_dl_text *t, const char *method, const char *request)
{
    static const char *const keys[] = {"network", "containerId", "ifName"};
    static const char *const commands[] = {
        /* Code generated by api/generate from api/cni.api.json. DO NOT EDIT. commands: */
        /* clang-format off */
        "add", "ADD",
        "del", "DEL",
        "check", "CHECK",
        "gc", "GC",
        "status", "STATUS",
        /* clang-format on */
        /* End of commands. */
    };
    size_t i;
    for (i = 0; i < sizeof commands / sizeof commands[0]; i += 2)
        if (strcmp(method, commands[i]) == 0) {
            cni_dl_puts(t, ",\"command\":\"");
            cni_dl_puts(t, commands[i + 1]);
            cni_dl_puts(t, "\"");
        }
    for (i = 0; request != NULL && i < sizeof keys / sizeof keys[0]; i++) {
        const char *value = cni_dl_find(request, keys[i]);
        size_t length = cni_dl_plain(value);
        if (length > 0) {
            cni_dl_puts(t, ",");
            cni_dl_put_string(t, keys[i]);
            cni_dl_puts(t, ":");
            cni_dl_put(t, value, length);
        }
    }
}

/* ---- Errors ---------------------------------------------------------------------------------- */

static const struct cni_dl_kind {
    const char *kind, *name;
    int number, code, retryable;
}
/* Code generated by api/generate from api/cni.api.json. DO NOT EDIT. kinds: */
/* clang-format off */
    cni_dl_bug = {"bug", "EFAULT", EFAULT, 999, 0},
    cni_dl_timeout = {"timeout", "ETIMEDOUT", ETIMEDOUT, 11, 1},
    cni_dl_cancelled = {"cancelled", "ECANCELED", ECANCELED, 999, 1},
    cni_dl_busy = {"busy", "EBUSY", EBUSY, 11, 1},
    cni_dl_unsupported = {"unsupported", "ENOTSUP", ENOTSUP, 2, 0},
    cni_dl_invalid = {"invalid-request", "EINVAL", EINVAL, 4, 0},
    cni_dl_state = {"state", "EIO", EIO, 5, 1},
    cni_dl_no_descriptors = {"state", "EMFILE", EMFILE, 5, 1};
/* clang-format on */
/* End of kinds. */

/* Writes an error object like the library's. details, trace and context may be NULL. */
static inline int cni_dl_fail(const struct cni_dl_kind *kind, const char *msg, const char *details,
    const char *trace, const char *context, char **response)
{
    struct cni_dl_text t = {NULL, 0, 0, 0};
    char number[48];
    if (response == NULL)
        return -kind->number;
    snprintf(number, sizeof number, "%d,\"msg\":", kind->code);
    cni_dl_puts(&t, "{\"cniVersion\":\"1.1.0\",\"code\":");
    cni_dl_puts(&t, number);
    cni_dl_put_string(&t, msg);
    if (details != NULL) {
        cni_dl_puts(&t, ",\"details\":");
        cni_dl_put_string(&t, details);
    }
    cni_dl_puts(&t, ",\"kind\":\"");
    cni_dl_puts(&t, kind->kind);
    cni_dl_puts(&t, "\",\"errno\":\"");
    cni_dl_puts(&t, kind->name);
    cni_dl_puts(&t, "\"");
    if (context != NULL)
        cni_dl_puts(&t, context);
    if (trace != NULL && *trace != '\0') {
        cni_dl_puts(&t, ",\"stderr\":");
        cni_dl_put_string(&t, trace);
    }
    cni_dl_puts(&t, kind->retryable ? ",\"retryable\":true}" : ",\"retryable\":false}");
    *response = cni_dl_take(&t);
    return -kind->number;
}

static inline int cni_dl_fail_errno(int number, const char *what, char **response)
{
    char msg[160];
    snprintf(msg, sizeof msg, "%s: %s", what, strerror(number));
    return cni_dl_fail(
        number == EMFILE || number == ENFILE ? &cni_dl_no_descriptors : &cni_dl_state, msg, NULL,
        NULL, NULL, response);
}

/* A table, as in cni_strerror of the library. */
static inline const char *cni_dl_text_of(int code)
{
    static const struct {
        int code;
        const char *text;
    } texts[] = {
        /* Code generated by api/generate from api/cni.api.json. DO NOT EDIT. texts: */
        /* clang-format off */
        {0, "success"},
        {1, "incompatible CNI version"},
        {2, "unsupported field in the network configuration"},
        {3, "container unknown, or does not exist"},
        {4, "invalid or missing parameter"},
        {5, "I/O failure"},
        {6, "failed to decode content"},
        {7, "invalid network configuration"},
        {8, "invalid network namespace"},
        {11, "try again later"},
        {50, "the plugin is not available"},
        {51, "the plugin is not available, and existing containers may have limited connectivity"},
        {999, "internal error of a plugin"},
        {-EINVAL, "invalid request, configuration or namespace"},
        {-ENOENT, "network, plugin, namespace or volume not found"},
        {-EEXIST, "attached already, or the interface exists"},
        {-ETIMEDOUT, "the deadline passed"},
        {-ECANCELED, "cancelled"},
        {-EBUSY, "busy: a lock, a requestId in use, or called from a log callback"},
        {-EPROTO, "malformed response from a plugin"},
        {-EPROTOTYPE, "not a volume plugin"},
        {-ECONNREFUSED, "the volume plugin cannot be connected to"},
        {-ECHILD, "the exit status of the plugin process is unknown"},
        {-EIO, "state on disk cannot be read or written"},
        {-ENOSPC, "no space left for the state on disk"},
        {-EROFS, "the state directory is read-only"},
        {-EACCES, "no access to the state on disk"},
        {-EMFILE, "too few free descriptors"},
        {-EPERM, "the kernel refused an operation; msg says which and why"},
        {-ENOTSUP, "not supported by the kernel, the version or the mode"},
        {-ENOTRECOVERABLE, "the process was forked after libcni was loaded"},
        {-EFAULT, "a defect of libcni was caught"},
        /* clang-format on */
        /* End of texts. */
    };
    size_t i;
    for (i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].code == code)
            return texts[i].text;
    if (code < 0)
        return "unknown error of libcni";
    return code < 100 ? "CNI error" : "error of a plugin";
}

/* ---- System calls ---------------------------------------------------------------------------- */

enum {
    CNI_DL_CLONE_VM = 0x100,
    CNI_DL_CLONE_PIDFD = 0x1000,
    CNI_DL_CLONE3 = 435,
    CNI_DL_WALL = 0x40000000,
    CNI_DL_BY_PIDFD = 3, /* P_PIDFD of waitid */
    CNI_DL_SEND_SIGNAL = 424,
    CNI_DL_PIDFD_OPEN = 434,
    CNI_DL_CLOSE_RANGE = 436
};

static inline int64_t cni_dl_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void cni_dl_close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Moves a descriptor above 2. It can be lower if the host has closed its standard streams. */
static inline int cni_dl_above_stdio(int fd)
{
    int moved = fd, number;
    if (fd >= 0 && fd <= 2) {
        moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        number = errno;
        close(fd);
        errno = number;
    }
    return moved;
}

/* Whether the system call that failed is forbidden or does not exist. */
static inline int cni_dl_is_denied(int number)
{
    return number == EPERM || number == EACCES || number == ENOSYS;
}

/* A seccomp filter may forbid memfd_create: the file is then one without a name on a file system
 * for temporary files. */
static inline int cni_dl_memory_file(void)
{
    static const char *const directories[] = {"/dev/shm", "/tmp", "/var/tmp", "/run"};
    size_t i;
    int fd = (int)syscall(SYS_memfd_create, "libcni", 1U /* MFD_CLOEXEC */);
    int number = errno;
    for (i = 0; fd < 0 && cni_dl_is_denied(number) && i < 4; i++)
        fd = open(directories[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        errno = number;
    return cni_dl_above_stdio(fd);
}

/* Unsharing its memory succeeds in a process with one thread, without effect, and fails in others.
 * */
static inline int cni_dl_has_threads(void)
{
    struct stat tasks;
    if (syscall(SYS_unshare, (unsigned long)CNI_DL_CLONE_VM) == 0)
        return 0;
    if (errno != EINVAL &&
        stat("/proc/self/task", &tasks) == 0) /* a seccomp filter forbids unshare */
        return tasks.st_nlink != 3;
    return 1;
}

/* After unshare(CLONE_NEWPID) the next child is the first process of the new namespace, and the
 * kernel destroys the namespace when that process exits. */
static inline int cni_dl_next_is_init(void)
{
    char name[64];
    return readlink("/proc/self/ns/pid_for_children", name, sizeof name) < 0 && errno == ENOENT &&
           readlink("/proc/self/ns/pid", name, sizeof name) > 0;
}

static inline void cni_dl_close_from(int fd)
{
    struct rlimit limit;
    if (syscall(CNI_DL_CLOSE_RANGE, (unsigned)fd, ~0U, 0U) == 0 ||
        getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    for (; (rlim_t)fd < limit.rlim_cur && fd < 1 << 20; fd++)
        close(fd);
}

static inline void cni_dl_signal(int pidfd, int number)
{
    if (pidfd >= 0)
        syscall(CNI_DL_SEND_SIGNAL, pidfd, number, NULL, 0U);
}

static inline int cni_dl_is_dead(int pidfd)
{
    struct pollfd dead;
    dead.fd = pidfd;
    dead.events = POLLIN;
    dead.revents = 0;
    return pidfd >= 0 && poll(&dead, 1, 0) == 1;
}

/* Isolated calls run the command while the process has threads, if the host allows that. */
static inline int cni_dl_mode(const cni_dl *api)
{
    if (api->mode == CNI_DL_ISOLATED && api->command != NULL && cni_dl_has_threads())
        return CNI_DL_EXEC;
    return api->mode;
}

static inline const char *cni_dl_program(const cni_dl *api)
{
    return api->mode == CNI_DL_EXEC ? api->path : api->command;
}

/* ---- The child ------------------------------------------------------------------------------- */

/* A frame is two uint32, length and type, followed by length bytes. */
enum {
    CNI_DL_FRAME_EVENT = 'L',    /* text, NUL included */
    CNI_DL_FRAME_RESPONSE = 'R', /* int32 return value; text, NUL included */
    CNI_DL_FRAME_ERROR = 'E',    /* reason why the library cannot be used; text, NUL included */
    CNI_DL_FRAME_SYMBOLS =
        'S', /* int32 ABI version; a byte: loading starts nothing; a byte for each verb: there or
                                    not; version, NUL included */
    CNI_DL_FRAME_LIMIT = 1 << 30
};

static inline void cni_dl_send(
    int socket, uint32_t type, const void *head, size_t head_size, const char *text)
{
    uint32_t header[2];
    struct iovec parts[3];
    int i = 0;
    header[0] = (uint32_t)(head_size + strlen(text) + 1);
    header[1] = type;
    parts[0].iov_base = header;
    parts[0].iov_len = sizeof header;
    parts[1].iov_base = (void *)head;
    parts[1].iov_len = head_size;
    parts[2].iov_base = (void *)text;
    parts[2].iov_len = strlen(text) + 1;
    while (i < 3) {
        ssize_t n = writev(socket, parts + i, 3 - i);
        if (n < 0 && errno != EINTR)
            return; /* the host has gone */
        for (; n >= 0 && i < 3 && (size_t)n >= parts[i].iov_len; i++)
            n -= (ssize_t)parts[i].iov_len;
        if (n > 0) {
            parts[i].iov_base = (char *)parts[i].iov_base + n;
            parts[i].iov_len -= (size_t)n;
        }
    }
}

static inline void cni_dl_send_event(const char *event, void *socket)
{
    cni_dl_send(*(int *)socket, CNI_DL_FRAME_EVENT, NULL, 0, event);
}

static inline void cni_dl_symbol(void *handle, const char *name, void *function)
{
    void *symbol = dlsym(handle, name);
    memcpy(function, &symbol, sizeof symbol);
}

/* If the environment consists of this string alone, the library does not start Go. Without "=" it
 * cannot be the environment of a program. */
#define CNI_DL_START_LATER "libcni: start later"

static inline void *cni_dl_load_asleep(const char *path)
{
    static char later[] = CNI_DL_START_LATER;
    char *only[2], **saved = environ;
    sigset_t all, mask;
    void *handle;
    only[0] = later;
    only[1] = NULL;
    sigfillset(&all); /* with one thread and no handlers, no other code sees that environment */
    sigprocmask(SIG_SETMASK, &all, &mask);
    environ = only;
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    environ = saved;
    sigprocmask(SIG_SETMASK, &mask, NULL);
    return handle;
}

/* Whether the C library cannot make threads, which Go needs: glibc makes them with clone3, and a
 * seccomp filter may answer EPERM, where only ENOSYS leads it to clone. */
static inline int cni_dl_lacks_threads(void)
{
#ifdef __GLIBC__
    return syscall(CNI_DL_CLONE3, NULL, 0UL) < 0 && errno == EPERM; /* otherwise EINVAL */
#else
    return 0;
#endif
}

/* Loads the library. Returns the reason if that fails. */
static inline const char *cni_dl_load(struct cni_dl_library *l, const char *path, int asleep)
{
    memset(l, 0, sizeof *l);
    if (cni_dl_lacks_threads())
        return "a seccomp filter forbids clone3 (EPERM), without which no thread can be made; use "
               "CNI_DL_EXEC";
    l->handle = asleep ? cni_dl_load_asleep(path) : dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (l->handle == NULL)
        return dlerror();
#define CNI_DL_MEMBER(name, method) cni_dl_symbol(l->handle, "cni_" #name, &l->name);
    CNI_DL_VERBS(CNI_DL_MEMBER)
    CNI_DL_MEMBER(call, )
    CNI_DL_MEMBER(describe, )
    CNI_DL_MEMBER(cancel, )
    CNI_DL_MEMBER(set_log, )
    CNI_DL_MEMBER(free, )
    CNI_DL_MEMBER(version, )
    CNI_DL_MEMBER(abi_version, )
    CNI_DL_MEMBER(strerror, )
#undef CNI_DL_MEMBER
    if (l->call && l->describe && l->cancel && l->set_log && l->free && l->version &&
        l->abi_version && l->strerror)
        return NULL;
    dlclose(l->handle);
    return "the file is not libcni";
}

struct cni_dl_canceller {
    const struct cni_dl_library *library;
    const char *id;
    int socket;
};

/* A thread of the child that cancels when the host requests it, which may be before the call has
 * begun. */
static inline void *cni_dl_await_cancel(void *argument)
{
    const struct cni_dl_canceller *c = (const struct cni_dl_canceller *)argument;
    struct timespec pause = {0, 1000000};
    char byte;
    if (read(c->socket, &byte, 1) == 1)
        while (c->library->cancel(c->id) == -ENOENT)
            nanosleep(&pause, NULL);
    return NULL;
}

#define CNI_DL_IS_FORKED                                                                           \
    "this process is a fork of one that has started libcni; exec a program first, or use "         \
    "CNI_DL_EXEC"

/* Whether this process was forked from one in which this library, or a copy of it, has started Go.
 * */
static inline int cni_dl_is_forked(const struct cni_dl_library *l)
{
    int (*cancel)(const char *) = NULL;
    void *other = dlopen(CNI_DL_SONAME, RTLD_LAZY | 4 /* RTLD_NOLOAD */);
    if (other != NULL)
        cni_dl_symbol(other, "cni_cancel", &cancel);
    return l->cancel(NULL) == -ENOTRECOVERABLE ||
           (cancel != NULL && cancel(NULL) == -ENOTRECOVERABLE);
}

static inline void cni_dl_send_symbols(const struct cni_dl_library *l, int socket)
{
    const void *verbs[] = {
#define CNI_DL_MEMBER(name, method) (const void *)(l->name != NULL ? l : NULL),
        CNI_DL_VERBS(CNI_DL_MEMBER)
#undef CNI_DL_MEMBER
    };
    char head[sizeof(int32_t) + 1 + sizeof verbs / sizeof verbs[0]];
    int32_t abi = l->abi_version();
    size_t i;
    memcpy(head, &abi, sizeof abi);
    head[sizeof abi] = !cni_dl_has_threads();
    for (i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        head[sizeof abi + 1 + i] = verbs[i] != NULL;
    cni_dl_send(socket, CNI_DL_FRAME_SYMBOLS, head, sizeof head, l->version());
}

/* Runs in the child of isolated mode. All signals are blocked, since those sent to the host's
 * process group concern the host. A call without a method requests the symbols. */
static inline void cni_dl_be_child(cni_dl_call *call, int socket, const char *request)
{
    struct cni_dl_library library;
    struct cni_dl_canceller canceller;
    struct sigaction action;
    pthread_t thread;
    const char *why = NULL;
    char *response = NULL;
    int number, fd;
    int32_t rc;

    memset(&action, 0, sizeof action);
    for (number = 1; number < 65; number++)
        sigaction(number, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    for (fd = 0; fd < 3; fd++)
        dup2(call->trace, fd);
    if (socket != 3)
        dup2(socket, 3);
    fcntl(3, F_SETFD, FD_CLOEXEC);
    cni_dl_close_from(4);
    socket = 3;
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, 1); /* otherwise each thread maps an arena of its own for one call */
#endif
    library = call->api->library;
    if (library.handle == NULL)
        why = cni_dl_load(&library, call->api->path, call->method == NULL);
    if (why == NULL && call->method == NULL && cni_dl_is_forked(&library))
        why = CNI_DL_IS_FORKED;
    if (why != NULL) {
        cni_dl_send(socket, CNI_DL_FRAME_ERROR, NULL, 0, why);
        _exit(0);
    }
    if (call->method == NULL) {
        cni_dl_send_symbols(&library, socket);
        _exit(0);
    }
    if (call->api->log != NULL)
        library.set_log(cni_dl_send_event, &socket);
    canceller.library = &library;
    canceller.id = call->id;
    canceller.socket = socket;
    if (call->id != NULL)
        pthread_create(&thread, NULL, cni_dl_await_cancel, &canceller);
    rc = library.call(call->method, request, &response);
    cni_dl_send(socket, CNI_DL_FRAME_RESPONSE, &rc, sizeof rc, response);
    _exit(0);
}

/* Makes a child with exit signal 0. Returns 0 in the child. */
static inline long cni_dl_clone_process(int *pidfd)
{
#if defined(__s390__) || defined(__CRIS__)
    return syscall(SYS_clone, NULL, (unsigned long)CNI_DL_CLONE_PIDFD, pidfd, NULL, NULL);
#else
    return syscall(SYS_clone, (unsigned long)CNI_DL_CLONE_PIDFD, NULL, pidfd, NULL, NULL);
#endif
}

static inline int cni_dl_clone(cni_dl_call *call, int socket, const char *request)
{
    sigset_t all, mask;
    int pidfd = -1, number;
    long pid;
    sigfillset(&all); /* no handler of the host runs in the child */
    sigprocmask(SIG_SETMASK, &all, &mask);
    pid = cni_dl_clone_process(&pidfd);
    if (pid == 0)
        cni_dl_be_child(call, socket, request);
    number = errno;
    sigprocmask(SIG_SETMASK, &mask, NULL);
    call->pidfd = cni_dl_above_stdio(pidfd);
    return pid < 0 ? number : 0;
}

/* Runs in the process of the command. It makes only system calls: the host may have threads. */
static inline void cni_dl_be_command(cni_dl_call *call, int socket, int request,
    const char *program, char **argv, char **environment)
{
    struct sigaction action;
    sigset_t none;
    int number;
    memset(&action, 0, sizeof action);
    for (number = 1; number < 65; number++)
        sigaction(number, &action, NULL);
    setpgid(0, 0);
    if (dup2(request, 0) == 0 && dup2(socket, 1) == 1 && dup2(call->trace, 2) == 2) {
        cni_dl_close_from(3);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (environment != NULL)
            execve(program, argv, environment);
        else
            execvp(program, argv);
    }
    cni_dl_send(1, CNI_DL_FRAME_ERROR, NULL, 0,
        errno == ENOENT ? "the command cni is not there" : "the command cni cannot be executed");
    _exit(127);
}

/* Replaces posix_spawn, which fails with EPERM where a seccomp filter forbids clone3. */
static inline int cni_dl_spawn_by_clone(cni_dl_call *call, int socket, int request,
    const char *program, char **argv, char **environment)
{
    sigset_t all, mask;
    int pidfd = -1, number;
    long pid;
    sigfillset(&all); /* no handler of the host runs in the child */
    sigprocmask(SIG_SETMASK, &all, &mask);
    pid = cni_dl_clone_process(&pidfd);
    if (pid == 0)
        cni_dl_be_command(call, socket, request, program, argv, environment);
    number = errno;
    sigprocmask(SIG_SETMASK, &mask, NULL);
    call->pidfd = cni_dl_above_stdio(pidfd);
    return pid < 0 ? number : 0;
}

/* Starts "cni call --frames -- METHOD" in a process group of its own, so that signals from the
 * terminal do not reach it. */
static inline int cni_dl_spawn(cni_dl_call *call, int socket, int request)
{
    static char name[] = "cni", verb[] = "call", frames[] = "--frames", events[] = "--verbose",
                end[] = "--";
    static char *nothing[] = {NULL};
    const char *program = cni_dl_program(call->api);
    char *argv[7];
    int argc = 0, secure = getauxval(AT_SECURE) != 0, rc;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t set;
    pid_t pid = -1;

    argv[argc++] = name;
    argv[argc++] = verb;
    argv[argc++] = frames;
    if (call->api->log != NULL)
        argv[argc++] = events;
    argv[argc++] = end;
    argv[argc++] = (char *)call->method;
    argv[argc] = NULL;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, request, 0);
    posix_spawn_file_actions_adddup2(&files, socket, 1);
    posix_spawn_file_actions_adddup2(&files, call->trace, 2);
#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 34)
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
#endif
#endif
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    sigemptyset(&set);
    posix_spawnattr_setsigmask(&attributes, &set);
    sigfillset(&set);
    posix_spawnattr_setsigdefault(&attributes, &set);
    if (secure || strchr(program, '/') != NULL)
        rc = posix_spawn(&pid, program, &files, &attributes, argv, secure ? nothing : environ);
    else
        rc = posix_spawnp(&pid, program, &files, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    if (rc == EPERM || rc == ENOSYS) /* rather clone3 than the command */
        return cni_dl_spawn_by_clone(call, socket, request, program, argv,
            secure                         ? nothing
            : strchr(program, '/') != NULL ? environ
                                           : NULL);
    if (rc == 0)
        /* Fails if the host has already reaped it */
        call->pidfd = cni_dl_above_stdio((int)syscall(CNI_DL_PIDFD_OPEN, pid, 0U));
    return rc;
}

/* ---- The life of a call ---------------------------------------------------------------------- */

/* Reaps children that have answered, and waits for them on request. */
static inline void cni_dl_reap(cni_dl *api, int wait)
{
    siginfo_t info;
    size_t i, kept = 0;
    for (i = 0; i < api->unreaped_count; i++) {
        int rc;
        info.si_pid = 0;
        do
            rc = waitid((idtype_t)CNI_DL_BY_PIDFD, (id_t)api->unreaped[i], &info,
                WEXITED | CNI_DL_WALL | (wait ? 0 : WNOHANG));
        while (rc < 0 && errno == EINTR);
        if (rc == 0 && info.si_pid == 0)
            api->unreaped[kept++] = api->unreaped[i];
        else
            close(api->unreaped[i]);
    }
    api->unreaped_count = kept;
}

static inline void cni_dl_reap_later(cni_dl *api, int pidfd)
{
    if (pidfd < 0)
        return;
    if (api->unreaped_count == api->unreaped_room) {
        int *grown = (int *)realloc(api->unreaped, (api->unreaped_room * 2 + 8) * sizeof *grown);
        if (grown == NULL)
            cni_dl_reap(api, 1);
        else {
            api->unreaped = grown;
            api->unreaped_room = api->unreaped_room * 2 + 8;
        }
    }
    if (api->unreaped_count < api->unreaped_room)
        api->unreaped[api->unreaped_count++] = pidfd;
    else
        close(pidfd);
}

static inline void cni_dl_release(cni_dl_call *call)
{
    cni_dl_call **at;
    for (at = &call->api->calls; *at != NULL; at = &(*at)->next)
        if (*at == call) {
            *at = call->next;
            break;
        }
    cni_dl_close_fd(&call->socket);
    cni_dl_close_fd(&call->trace);
    cni_dl_close_fd(&call->epoll);
    cni_dl_close_fd(&call->timer);
    cni_dl_close_fd(&call->netns);
    cni_dl_reap_later(call->api, call->pidfd);
    free(call->in.data);
    free(call->id);
    free(call->context);
    free(call->response);
    free(call->load_error);
    free(call->symbols);
    free(call);
}

enum {
    /* Code generated by api/generate from api/cni.api.json. DO NOT EDIT. limits: */
    /* clang-format off */
    CNI_DL_TIMEOUT_MS = 60000,
    CNI_DL_ROLLBACK_MS = 10000,
    CNI_DL_VOLUME_MS = 120000
    /* clang-format on */
    /* End of limits. */
};

static inline int64_t cni_dl_limit(const cni_dl *api, const char *method, const char *request)
{
    const char *options = cni_dl_find(request, "options");
    int64_t timeout = strncmp(method, "volume.", 7) == 0 ? CNI_DL_VOLUME_MS : CNI_DL_TIMEOUT_MS;
    int64_t undo = cni_dl_number(cni_dl_find(options, "rollbackTimeoutMs"), CNI_DL_ROLLBACK_MS);
    timeout = cni_dl_number(cni_dl_find(options, "timeoutMs"), timeout);
    return timeout == 0 || undo == 0 ? 0 : timeout + undo + api->grace_ms;
}

/* Records the identifier of the call, with which the child can cancel it. A request without a
 * requestId gets one here. */
static inline void cni_dl_identify(cni_dl_call *call, struct cni_dl_text *request)
{
    const char *id = cni_dl_find(request->data, "requestId"), *open, *end;
    struct cni_dl_text with = {NULL, 0, 0, 0}, name = {NULL, 0, 0, 0};
    char made[48];
    if (id != NULL) {
        if (cni_dl_plain(id) > 2)
            cni_dl_put(&name, id + 1, cni_dl_plain(id) - 2);
        call->id = cni_dl_take(&name);
        return;
    }
    open = cni_dl_blanks(request->data);
    end = cni_dl_value_end(open);
    if (call->mode != CNI_DL_ISOLATED || *open != '{' || end == NULL ||
        *cni_dl_blanks(end) != '\0' || request->length > (16 << 20) - sizeof made)
        return;
    snprintf(made, sizeof made, "libcni-dl-%lu", ++call->api->started);
    cni_dl_puts(&name, made);
    call->id = cni_dl_take(&name);
    cni_dl_puts(&with, "{\"requestId\":\"");
    cni_dl_puts(&with, made);
    cni_dl_puts(&with, *cni_dl_blanks(open + 1) == '}' ? "\"" : "\",");
    cni_dl_puts(&with, open + 1);
    free(request->data);
    *request = with;
}

/* Appends the target of the link /proc/NAME, such as "1234" for self. */
static inline int cni_dl_put_process(struct cni_dl_text *t, const char *name)
{
    char target[64];
    ssize_t length = readlink(name, target, sizeof target);
    if (length <= 0 || length == (ssize_t)sizeof target)
        return -1;
    cni_dl_puts(t, "/proc/");
    cni_dl_put(t, target, (size_t)length);
    return 0;
}

/* Returns a path that leads in any process to what path leads to in this one; NULL if path itself
 * does. hold keeps a descriptor of this process open, so that its number is not used again. */
static inline char *cni_dl_settle_path(const char *path, int *hold)
{
    static const char *const own[] = {"/proc/self/", "/proc/self", "", "/proc/thread-self/",
        "/proc/thread-self", "", "/dev/fd/", "/proc/self", "fd/"};
    struct cni_dl_text t = {NULL, 0, 0, 0};
    char number[16];
    size_t i;
    for (i = 0; i < 9 && strncmp(path, own[i], strlen(own[i])) != 0; i += 3)
        ;
    if (i == 9 || cni_dl_put_process(&t, own[i + 1]) != 0)
        return NULL;
    cni_dl_puts(&t, "/");
    if (hold != NULL && *hold < 0)
        *hold = cni_dl_above_stdio(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (hold != NULL && *hold >= 0) {
        free(t.data);
        memset(&t, 0, sizeof t);
        cni_dl_put_process(&t, "/proc/self");
        snprintf(number, sizeof number, "/fd/%d", *hold);
        cni_dl_puts(&t, number);
    } else {
        cni_dl_puts(&t, own[i + 2]);
        cni_dl_puts(&t, path + strlen(own[i]));
    }
    return cni_dl_take(&t);
}

/* Replaces the path of a key by one that leads in the child to the same file. */
static inline void cni_dl_settle_key(struct cni_dl_text *request, const char *key, int *hold)
{
    const char *value = cni_dl_find(request->data, key);
    const char *end = value != NULL ? cni_dl_value_end(value) : NULL;
    struct cni_dl_text with = {NULL, 0, 0, 0};
    char *path = end != NULL ? cni_dl_unquote(value) : NULL, *settled = NULL;
    if (path != NULL)
        settled = cni_dl_settle_path(path, hold);
    if (settled != NULL) {
        cni_dl_put(&with, request->data, (size_t)(value - request->data));
        cni_dl_put_quoted(&with, settled);
        cni_dl_puts(&with, end);
        free(request->data);
        *request = with;
    }
    free(settled);
    free(path);
}

/* Makes the request of the child. A call that does not block keeps its namespace open meanwhile. */
static inline void cni_dl_put_request(
    struct cni_dl_text *t, cni_dl_call *call, const char *request, int starts)
{
    cni_dl_puts(t, request);
    if (!t->failed)
        cni_dl_settle_key(t, "netns", starts ? &call->netns : NULL);
    if (!t->failed)
        cni_dl_settle_key(t, "networkFile", NULL);
    if (!t->failed && starts)
        cni_dl_identify(call, t);
}

/* Responds to a method that no child can be made for. */
static inline int cni_dl_refuse(
    cni_dl *api, int mode, const char *method, const char *request, char **response)
{
    if (api->in_log)
        return cni_dl_fail(&cni_dl_busy, "this function may not be called from a log callback",
            NULL, NULL, NULL, response);
    if (method == NULL)
        return cni_dl_fail(&cni_dl_invalid, "the method is NULL; give the name of one, such as add",
            NULL, NULL, NULL, response);
    if (request == NULL)
        return cni_dl_fail(&cni_dl_invalid, "the request is NULL; give a JSON object, {} at least",
            NULL, NULL, NULL, response);
    if (strlen(request) > 16 << 20)
        return cni_dl_fail(&cni_dl_invalid, "the request is longer than 16777216 bytes", NULL, NULL,
            NULL, response);
    if (mode == CNI_DL_ISOLATED && cni_dl_has_threads())
        return cni_dl_fail(&cni_dl_unsupported,
            "isolated mode needs a process of one thread, and this one has more; use CNI_DL_EXEC",
            NULL, NULL, NULL, response);
    if (cni_dl_next_is_init())
        return cni_dl_fail(&cni_dl_unsupported,
            "the process of the call would be the first of the new PID namespace (unshare, "
            "CLONE_NEWPID), which ends with it; make the call before unshare, or after the first "
            "process of the namespace has started",
            NULL, NULL, NULL, response);
    return 0;
}

/* Makes the child. The write end is closed here once the child has it, so that the socket ends when
 * the child does. */
static inline int cni_dl_launch(cni_dl_call *call, const char *request)
{
    int ends[2] = {-1, -1}, input = -1, number = 0;
    size_t at = 0, length = strlen(request);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return errno;
    call->socket = cni_dl_above_stdio(ends[0]);
    ends[1] = cni_dl_above_stdio(ends[1]);
    call->trace = cni_dl_memory_file();
    if (call->socket < 0 || ends[1] < 0 || call->trace < 0)
        number = errno;
    else if (call->mode == CNI_DL_ISOLATED)
        number = cni_dl_clone(call, ends[1], request);
    else if ((input = cni_dl_memory_file()) < 0)
        number = errno;
    else {
        while (at < length && number == 0) {
            ssize_t n = write(input, request + at, length - at);
            if (n >= 0)
                at += (size_t)n;
            else if (errno != EINTR)
                number = errno;
        }
        if (number == 0 && lseek(input, 0, SEEK_SET) == 0)
            number = cni_dl_spawn(call, ends[1], input);
    }
    cni_dl_close_fd(&input);
    cni_dl_close_fd(&ends[1]);
    return number;
}

/* Begins a call; method NULL requests the symbols. */
static inline int cni_dl_begin(cni_dl *api, const char *method, const char *request, int identify,
    cni_dl_call **result, char **response)
{
    cni_dl_call *call;
    struct cni_dl_text context = {NULL, 0, 0, 0}, text = {NULL, 0, 0, 0};
    int mode = cni_dl_mode(api);
    int rc = cni_dl_refuse(api, mode, method == NULL ? "" : method, request, response);
    int64_t limit;
    *result = NULL;
    if (rc != 0)
        return rc;
    cni_dl_reap(api, 0);
    call = (cni_dl_call *)calloc(1, sizeof *call);
    if (call == NULL)
        return cni_dl_fail_errno(ENOMEM, "a call", response);
    call->api = api;
    call->mode = mode;
    call->method = method;
    call->pidfd = call->socket = call->trace = call->epoll = call->timer = call->netns = -1;
    limit = cni_dl_limit(api, method == NULL ? "" : method, request);
    call->deadline = limit == 0 ? 0 : cni_dl_now() + limit;
    if (method != NULL)
        cni_dl_put_context(&context, method, request);
    call->context = cni_dl_take(&context);
    cni_dl_put_request(&text, call, request, identify);
    rc = text.failed ? ENOMEM : cni_dl_launch(call, text.data);
    if (rc == EMFILE && api->unreaped_count > 0) { /* each child that has answered holds one */
        cni_dl_reap(api, 1);
        cni_dl_close_fd(&call->socket);
        cni_dl_close_fd(&call->trace);
        rc = cni_dl_launch(call, text.data);
    }
    free(text.data);
    if (rc == 0) {
        *result = call;
        return 0;
    }
    cni_dl_release(call);
    if (mode == CNI_DL_EXEC && (rc == ENOENT || rc == EACCES || rc == ENOEXEC)) {
        char msg[4400];
        snprintf(msg, sizeof msg, "%sthe command %s cannot be run: %s",
            api->mode == mode ? "" : "this process has threads, and ", cni_dl_program(api),
            strerror(rc));
        return cni_dl_fail(&cni_dl_unsupported, msg, NULL, NULL, NULL, response);
    }
    return cni_dl_fail_errno(rc, "a process for the call", response);
}

static inline char *cni_dl_copy(const char *data, size_t length)
{
    char *copy = (char *)malloc(length + 1);
    if (copy != NULL) {
        memcpy(copy, data, length);
        copy[length] = '\0';
    }
    return copy;
}

static inline void cni_dl_take_frame(
    cni_dl_call *call, uint32_t type, const char *data, uint32_t length)
{
    cni_dl *api = call->api;
    int32_t rc;
    if (length == 0 || data[length - 1] != '\0')
        call->ended = 1; /* another protocol */
    else if (type == CNI_DL_FRAME_EVENT && api->log != NULL) {
        api->in_log = 1;
        api->log(data, api->log_user);
        api->in_log = 0;
    } else if (type == CNI_DL_FRAME_RESPONSE && length > sizeof rc) {
        memcpy(&rc, data, sizeof rc);
        call->rc = rc;
        call->response = cni_dl_copy(data + sizeof rc, length - sizeof rc);
        call->answered = 1;
    } else if (type == CNI_DL_FRAME_SYMBOLS) {
        call->symbols = cni_dl_copy(data, length);
        call->answered = 1;
    } else if (type == CNI_DL_FRAME_ERROR) {
        call->load_error = cni_dl_copy(data, length);
        call->answered = 1;
    }
}

static inline void cni_dl_take_frames(cni_dl_call *call)
{
    size_t at = 0;
    uint32_t header[2];
    while (call->in.length - at >= sizeof header && !call->answered && !call->ended) {
        memcpy(header, call->in.data + at, sizeof header);
        if (header[0] > CNI_DL_FRAME_LIMIT)
            call->ended = 1;
        if (call->ended || call->in.length - at - sizeof header < header[0])
            break;
        cni_dl_take_frame(call, header[1], call->in.data + at + sizeof header, header[0]);
        at += sizeof header + header[0];
    }
    if (at > 0)
        memmove(call->in.data, call->in.data + at, call->in.length - at);
    call->in.length -= at;
}

/* Reads the available data. The exit of the child ends the call even if a process that it left
 * behind holds the socket. */
static inline void cni_dl_advance(cni_dl_call *call)
{
    int dead = 0;
    while (!call->answered && !call->ended) {
        ssize_t n = -1;
        if (cni_dl_reserve(&call->in, 65536) == 0)
            n = recv(call->socket, call->in.data + call->in.length, 65536, MSG_DONTWAIT);
        else
            errno = ENOMEM;
        if (n > 0) {
            call->in.length += (size_t)n;
            cni_dl_take_frames(call);
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) && !dead) {
            if (!cni_dl_is_dead(call->pidfd))
                return;
            dead = 1; /* and read what it sent before it exited */
        } else {
            call->ended = 1;
        }
    }
}

/* Returns the milliseconds until the deadline, for poll. */
static inline int cni_dl_remaining(const cni_dl_call *call)
{
    int64_t left;
    if (call->deadline == 0)
        return -1;
    left = call->deadline - cni_dl_now();
    return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

static inline void cni_dl_wait(const cni_dl_call *call)
{
    struct pollfd fds[2];
    fds[0].fd = call->socket;
    fds[1].fd = call->pidfd;
    fds[0].events = fds[1].events = POLLIN;
    poll(fds, 2, cni_dl_remaining(call));
}

/* Returns the end of the child's standard error, such as the message of a Go runtime that aborts.
 * */
static inline char *cni_dl_trace(const cni_dl_call *call)
{
    off_t size = lseek(call->trace, 0, SEEK_END), from = size > 65536 ? size - 65536 : 0;
    char *text = (char *)malloc(65537);
    ssize_t n = text == NULL ? -1 : pread(call->trace, text, 65536, from);
    if (n < 0) {
        free(text);
        return NULL;
    }
    text[n] = '\0';
    return text;
}

static inline int cni_dl_word_end(cni_dl_call *call, char **response)
{
    siginfo_t info;
    char msg[128], *trace;
    int rc;
    cni_dl_signal(call->pidfd, SIGKILL); /* it may still run without its socket */
    memset(&info, 0, sizeof info);
    while (waitid((idtype_t)CNI_DL_BY_PIDFD, (id_t)call->pidfd, &info, WEXITED | CNI_DL_WALL) < 0 &&
           errno == EINTR)
        ;
    cni_dl_close_fd(&call->pidfd);
    if (call->cancelled)
        return cni_dl_fail(&cni_dl_cancelled, "the call was cancelled, and its process killed",
            NULL, NULL, call->context, response);
    if (info.si_pid == 0)
        snprintf(msg, sizeof msg, "the process of the call ended without an answer");
    else if (info.si_code == CLD_EXITED)
        snprintf(msg, sizeof msg,
            "the process of the call ended with status %d and without an answer", info.si_status);
    else
        snprintf(msg, sizeof msg, "the process of the call was killed by signal %d (%s)",
            info.si_status, strsignal(info.si_status));
    trace = cni_dl_trace(call);
    rc = cni_dl_fail(&cni_dl_bug, msg, NULL, trace, call->context, response);
    free(trace);
    return rc;
}

/* Returns the result of a call that has ended, and releases the call. */
static inline int cni_dl_verdict(cni_dl_call *call, char **response)
{
    int rc;
    char *msg;
    if (call->load_error != NULL && (msg = (char *)malloc(strlen(call->load_error) + 64)) != NULL) {
        sprintf(msg, "libcni cannot be loaded: %s", call->load_error);
        rc = cni_dl_fail(&cni_dl_unsupported, msg, NULL, NULL, call->context, response);
        free(msg);
    } else if (call->answered && call->response != NULL) {
        rc = call->rc;
        if (response != NULL) {
            *response = call->response;
            call->response = NULL;
        }
    } else if (call->answered) {
        rc = cni_dl_fail_errno(ENOMEM, "the response", response);
    } else if (call->ended) {
        rc = cni_dl_word_end(call, response);
    } else {
        char *trace = cni_dl_trace(call);
        cni_dl_signal(call->pidfd, SIGKILL);
        rc = cni_dl_fail(call->cancelled ? &cni_dl_cancelled : &cni_dl_timeout,
            "the process of the call did not end in time and was killed; the next call for the "
            "attachment, or gc, undoes what it did",
            NULL, trace, call->context, response);
        free(trace);
    }
    cni_dl_release(call);
    return rc;
}

/* Runs one call in a child, from begin to end. */
static inline int cni_dl_run(cni_dl *api, const char *method, const char *request, char **response)
{
    cni_dl_call *call;
    int number = errno, rc = 0;
    if (method == NULL)
        rc = cni_dl_refuse(api, api->mode, method, request, response);
    if (rc == 0)
        rc = cni_dl_begin(api, method, request, 0, &call, response);
    if (rc == 0) {
        for (cni_dl_advance(call); !call->answered && !call->ended && cni_dl_remaining(call) != 0;
             cni_dl_advance(call))
            cni_dl_wait(call);
        rc = cni_dl_verdict(call, response);
    }
    errno = number;
    return rc;
}

/* ---- Calls that do not block ----------------------------------------------------------------- */

CNI_DL_FUNCTION int cni_dl_start(
    cni_dl *api, const char *method, const char *request, cni_dl_call **call, char **response)
{
    struct itimerspec limit;
    struct epoll_event event;
    cni_dl_call *c = NULL, *other;
    int left, rc;
    *call = NULL;
    if (response != NULL)
        *response = NULL;
    if (api->mode == CNI_DL_INPROCESS)
        return cni_dl_fail(&cni_dl_unsupported, "in-process calls block; make them in a thread",
            NULL, NULL, NULL, response);
    rc = method == NULL ? cni_dl_refuse(api, api->mode, method, request, response) : 0;
    if (rc == 0)
        rc = cni_dl_begin(api, method, request, 1, &c, response);
    if (rc != 0)
        return rc;
    for (other = api->calls; other != NULL; other = other->next)
        if (c->id != NULL && other->id != NULL && strcmp(other->id, c->id) == 0)
            rc = cni_dl_fail(&cni_dl_busy, "a call of this requestId is under way", NULL, NULL,
                c->context, response);
    memset(&event, 0, sizeof event);
    event.events = EPOLLIN;
    memset(&limit, 0, sizeof limit);
    c->epoll = cni_dl_above_stdio(epoll_create1(EPOLL_CLOEXEC));
    c->timer = cni_dl_above_stdio(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    left = cni_dl_remaining(c);
    if (left >= 0) {
        limit.it_value.tv_sec = (time_t)(left / 1000);
        limit.it_value.tv_nsec = (long)(left % 1000) * 1000000 + 1;
    }
    if (rc == 0 &&
        (c->epoll < 0 || c->timer < 0 || timerfd_settime(c->timer, 0, &limit, NULL) != 0 ||
            epoll_ctl(c->epoll, EPOLL_CTL_ADD, c->timer, &event) != 0 ||
            epoll_ctl(c->epoll, EPOLL_CTL_ADD, c->socket, &event) != 0 ||
            (c->pidfd >= 0 && epoll_ctl(c->epoll, EPOLL_CTL_ADD, c->pidfd, &event) != 0)))
        rc = cni_dl_fail_errno(errno, "a descriptor to poll", response);
    if (rc != 0) {
        cni_dl_signal(c->pidfd, SIGKILL);
        cni_dl_release(c);
        return rc;
    }
    c->next = api->calls;
    api->calls = *call = c;
    return 0;
}

CNI_DL_FUNCTION int cni_dl_descriptor(const cni_dl_call *call) { return call->epoll; }

CNI_DL_FUNCTION int cni_dl_finish(cni_dl_call *call, char **response)
{
    int number = errno, rc = -EINPROGRESS;
    if (response != NULL)
        *response = NULL;
    cni_dl_advance(call);
    if (call->answered || call->ended || cni_dl_remaining(call) == 0)
        rc = cni_dl_verdict(call, response);
    errno = number;
    return rc;
}

CNI_DL_FUNCTION void cni_dl_cancel(cni_dl_call *call)
{
    struct itimerspec limit;
    int number = errno;
    int64_t left = 10000 + call->api->grace_ms;
    call->cancelled = 1;
    if (call->mode == CNI_DL_EXEC)
        cni_dl_signal(call->pidfd, SIGTERM);
    else if (call->id == NULL || send(call->socket, "c", 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1)
        cni_dl_signal(call->pidfd, SIGKILL);
    if (call->deadline == 0) {
        call->deadline = cni_dl_now() + left;
        memset(&limit, 0, sizeof limit);
        limit.it_value.tv_sec = (time_t)(left / 1000 + 1);
        timerfd_settime(call->timer, 0, &limit, NULL);
    }
    errno = number;
}

/* ---- The table ------------------------------------------------------------------------------- */

#define CNI_DL_MEMBER(name, method)                                                                \
    static inline int cni_dl_do_##name(cni_dl *api, const char *request, char **response)          \
    {                                                                                              \
        if (api->mode == CNI_DL_INPROCESS)                                                         \
            return api->library.name(request, response);                                           \
        return cni_dl_run(api, method, request, response);                                         \
    }
CNI_DL_VERBS(CNI_DL_MEMBER)
#undef CNI_DL_MEMBER

static inline int cni_dl_do_call(
    cni_dl *api, const char *method, const char *request, char **response)
{
    return api->mode == CNI_DL_INPROCESS ? api->library.call(method, request, response)
                                         : cni_dl_run(api, method, request, response);
}

static inline int cni_dl_do_describe(cni_dl *api, char **response)
{
    return api->mode == CNI_DL_INPROCESS ? api->library.describe(response)
                                         : cni_dl_run(api, "describe", "{}", response);
}

static inline int cni_dl_do_cancel(cni_dl *api, const char *request_id)
{
    cni_dl_call *call;
    if (api->mode == CNI_DL_INPROCESS)
        return api->library.cancel(request_id);
    if (request_id == NULL)
        return -EINVAL;
    for (call = api->calls; call != NULL; call = call->next)
        if (call->id != NULL && strcmp(call->id, request_id) == 0) {
            cni_dl_cancel(call);
            return 0;
        }
    return -ENOENT;
}

/* In-process the callback belongs to the process, otherwise to the api. */
static inline int cni_dl_do_set_log(cni_dl *api, cni_dl_log_fn fn, void *user)
{
    if (api->mode == CNI_DL_INPROCESS)
        return api->library.set_log(fn, user);
    if (api->in_log)
        return -EBUSY;
    api->log = fn;
    api->log_user = user;
    return 0;
}

static inline void cni_dl_do_free(cni_dl *api, void *p)
{
    if (api->mode == CNI_DL_INPROCESS)
        api->library.free(p);
    else
        free(p);
}

static inline const char *cni_dl_do_version(cni_dl *api) { return api->found_version; }

static inline int cni_dl_do_abi_version(cni_dl *api) { return api->found_abi; }

static inline const char *cni_dl_do_strerror(cni_dl *api, int code)
{
    return api->mode == CNI_DL_INPROCESS ? api->library.strerror(code) : cni_dl_text_of(code);
}

/* ---- Open and close -------------------------------------------------------------------------- */

/* A static program exports no symbols, so that a loaded library does not find its C library. */
static inline int cni_dl_is_static(void) { return dlsym(RTLD_DEFAULT, "dlopen") == NULL; }

static inline int cni_dl_open_inprocess(cni_dl *api, const char *path, char **error)
{
    char msg[1024];
    const char *why = cni_dl_load(&api->library, path, 0);
    if (why != NULL) {
        snprintf(msg, sizeof msg, "libcni cannot be loaded: %s", why);
        memset(&api->library, 0, sizeof api->library);
        return cni_dl_fail(&cni_dl_unsupported, msg, NULL, NULL, NULL, error);
    }
    if (api->library.cancel(NULL) == -ENOTRECOVERABLE)
        return cni_dl_fail(&cni_dl_unsupported, CNI_DL_IS_FORKED, NULL, NULL, NULL, error);
    snprintf(api->found_version, sizeof api->found_version, "%s", api->library.version());
    api->found_abi = api->library.abi_version();
#define CNI_DL_MEMBER(name, method)                                                                \
    if (api->library.name == NULL)                                                                 \
        api->name = NULL;
    CNI_DL_VERBS(CNI_DL_MEMBER)
#undef CNI_DL_MEMBER
    return 0;
}

/* Makes a child load the library and report its symbols, and whether Go stays stopped. Only then
 * may the library be mapped here. */
static inline int cni_dl_open_isolated(cni_dl *api, char **error)
{
    cni_dl_call *call;
    const char *there;
    int32_t abi;
    int asleep, rc = cni_dl_begin(api, NULL, "{}", 0, &call, error);
    if (rc != 0)
        return rc;
    for (cni_dl_advance(call); !call->answered && !call->ended && cni_dl_remaining(call) != 0;
         cni_dl_advance(call))
        cni_dl_wait(call);
    if (call->symbols == NULL)
        return cni_dl_verdict(call, error);
    memcpy(&abi, call->symbols, sizeof abi);
    api->found_abi = abi;
    there = call->symbols + sizeof abi;
    asleep = *there++;
#define CNI_DL_MEMBER(name, method)                                                                \
    if (!*there++)                                                                                 \
        api->name = NULL;
    CNI_DL_VERBS(CNI_DL_MEMBER)
#undef CNI_DL_MEMBER
    snprintf(api->found_version, sizeof api->found_version, "%s", there);
    cni_dl_release(call);
    if (asleep && cni_dl_load(&api->library, api->path, 1) != NULL)
        memset(&api->library, 0, sizeof api->library); /* each child loads it instead */
    return 0;
}

/* Makes the command print its description, which lists each verb with its method. */
static inline int cni_dl_open_exec(cni_dl *api, char **error)
{
    char *description = NULL;
    const char *version;
    int rc = cni_dl_run(api, "describe", "{}", &description);
    if (rc != 0) {
        if (error != NULL)
            *error = description;
        else
            free(description);
        return rc;
    }
    version = cni_dl_find(description, "version");
    if (cni_dl_plain(version) > 2)
        snprintf(api->found_version, sizeof api->found_version, "%.*s",
            (int)cni_dl_plain(version) - 2, version + 1);
    api->found_abi = (int)cni_dl_number(cni_dl_find(description, "abi"), 0);
#define CNI_DL_MEMBER(name, method)                                                                \
    if (strstr(description, "\"method\":\"" method "\"") == NULL)                                  \
        api->name = NULL;
    CNI_DL_VERBS(CNI_DL_MEMBER)
#undef CNI_DL_MEMBER
    free(description);
    return 0;
}

CNI_DL_FUNCTION void cni_dl_close(cni_dl *api)
{
    while (api->calls != NULL) {
        cni_dl_signal(api->calls->pidfd, SIGKILL);
        cni_dl_release(api->calls);
    }
    cni_dl_reap(api, 1);
    free(api->unreaped);
    free(api->path);
    free(api->command);
    if (api->library.handle != NULL)
        dlclose(api->library.handle);
    memset(api, 0, sizeof *api);
}

/* Finds the command: a name is searched in PATH, unless the program is set-uid. */
static inline const char *cni_dl_command(const char *path)
{
    static const char *const places[] = CNI_DL_COMMANDS;
    size_t i;
    if (getauxval(AT_SECURE) == 0)
        return path != NULL ? path : "cni";
    if (path != NULL && strchr(path, '/') != NULL)
        return path;
    for (i = 0; i + 1 < sizeof places / sizeof places[0] && access(places[i], X_OK) != 0; i++)
        ;
    return places[i];
}

CNI_DL_FUNCTION int cni_dl_open(cni_dl *api, const char *path, int mode, char **error)
{
    int number = errno, rc;
    if (error != NULL)
        *error = NULL;
    memset(api, 0, sizeof *api);
#define CNI_DL_MEMBER(name, method) api->name = cni_dl_do_##name;
    CNI_DL_VERBS(CNI_DL_MEMBER)
    CNI_DL_MEMBER(call, )
    CNI_DL_MEMBER(describe, )
    CNI_DL_MEMBER(cancel, )
    CNI_DL_MEMBER(set_log, )
    CNI_DL_MEMBER(free, )
    CNI_DL_MEMBER(version, )
    CNI_DL_MEMBER(abi_version, )
    CNI_DL_MEMBER(strerror, )
#undef CNI_DL_MEMBER
    api->mode = mode;
    api->grace_ms = 9000;
    if (mode == CNI_DL_EXEC)
        path = cni_dl_command(path);
    else if (path == NULL)
        path = CNI_DL_SONAME;
    api->path = cni_dl_copy(path, strlen(path));
    if (api->path == NULL)
        rc = cni_dl_fail_errno(ENOMEM, "the path", error);
    else if ((mode == CNI_DL_INPROCESS || mode == CNI_DL_ISOLATED) && cni_dl_is_static())
        rc = cni_dl_fail(&cni_dl_unsupported,
            "a static program cannot load a library; use CNI_DL_EXEC", NULL, NULL, NULL, error);
    else if (mode == CNI_DL_INPROCESS)
        rc = cni_dl_open_inprocess(api, path, error);
    else if (mode == CNI_DL_ISOLATED)
        rc = cni_dl_open_isolated(api, error);
    else if (mode == CNI_DL_EXEC)
        rc = cni_dl_open_exec(api, error);
    else
        rc = cni_dl_fail(&cni_dl_invalid, "there is no such mode", NULL, NULL, NULL, error);
    if (rc != 0)
        cni_dl_close(api);
    errno = number;
    return rc;
}

/* Joins the reasons why libcni can be opened neither isolated nor by the command. */
static inline int cni_dl_fail_outside(const char *isolated, const char *exec, char **error)
{
    struct cni_dl_text t = {NULL, 0, 0, 0};
    char *one = cni_dl_unquote(cni_dl_find(isolated, "msg"));
    char *other = cni_dl_unquote(cni_dl_find(exec, "msg"));
    int rc;
    cni_dl_puts(&t, "isolated: ");
    cni_dl_puts(&t, one != NULL ? one : "no memory");
    cni_dl_puts(&t, "; exec: ");
    cni_dl_puts(&t, other != NULL ? other : "no memory");
    free(one);
    free(other);
    if (cni_dl_take(&t) == NULL)
        return cni_dl_fail_errno(ENOMEM, "libcni", error);
    rc = cni_dl_fail(&cni_dl_unsupported, t.data, NULL, NULL, NULL, error);
    free(t.data);
    return rc;
}

CNI_DL_FUNCTION int cni_dl_open_outside(
    cni_dl *api, const char *library, const char *command, char **error)
{
    char *isolated = NULL, *exec = NULL;
    int rc = cni_dl_open(api, library, CNI_DL_ISOLATED, &isolated);
    if (error != NULL)
        *error = NULL;
    if (rc == 0) {
        command = cni_dl_command(command);
        api->command = cni_dl_copy(command, strlen(command));
        if (api->command != NULL)
            return 0;
        cni_dl_close(api);
        return cni_dl_fail_errno(ENOMEM, "the path", error);
    }
    if (rc == -ENOTSUP) {
        rc = cni_dl_open(api, command, CNI_DL_EXEC, &exec);
        if (rc == -ENOTSUP) {
            rc = cni_dl_fail_outside(isolated, exec, error);
        } else if (rc != 0 && error != NULL) {
            *error = exec;
            exec = NULL;
        }
    } else if (error != NULL) {
        *error = isolated;
        isolated = NULL;
    }
    free(isolated);
    free(exec);
    return rc;
}

#endif /* CNI_DL_DECLARATIONS */

#ifdef __cplusplus
}
#endif

#endif
