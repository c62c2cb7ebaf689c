/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of one container on a network: a namespace, cni_add, a page fetched through a published
 * port, cni_check, cni_del, and a check that nothing is left.
 *
 *     cc quickstart.c $(pkg-config --cflags --libs libcni) -pthread && sudo unshare --net ./a.out
 *
 * Its files are in a temporary directory, or in the one given as argument. It needs the
 * capabilities to change the network: make demo runs it in a private network namespace.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <cni.h>
#include <cni_dl.h> /* only for cni_dl_json */
#include <fcntl.h>
#include <ftw.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define BRIDGE "cni-demo0"
#define HOST_PORT 8080
#define CONTAINER_PORT 80
#define PAGE "hello from the container\n"

/* The directories of the state. A real caller omits these options. */
static char netns[4096], leases[4096], cache[4096], state[4096];

/* Requests, in which cni_dl_json replaces %s by quoted strings. The configuration is that of a file
 * in /etc/cni/net.d; all its plugins are built in. */
static const char attachment_format[] =
    "{\"containerId\":\"demo\",\"netns\":%s,"
    " \"capabilityArgs\":{\"portMappings\":["
    "   {\"hostPort\":8080,\"containerPort\":80,\"protocol\":\"tcp\"}]},"
    " \"network\":{\"cniVersion\":\"1.1.0\",\"name\":\"demo\",\"plugins\":["
    "   {\"type\":\"bridge\",\"bridge\":\"" BRIDGE "\",\"isDefaultGateway\":true,\"ipMasq\":true,"
    "    \"ipam\":{\"type\":\"host-local\",\"dataDir\":%s,"
    "             \"ranges\":[[{\"subnet\":\"10.88.7.0/24\"}]]}},"
    "   {\"type\":\"portmap\",\"capabilities\":{\"portMappings\":true}},"
    "   {\"type\":\"firewall\"}]},"
    " \"options\":{\"cacheDir\":%s,\"stateDir\":%s}}";
static char *attachment, *namespace_file, *list;

/* Makes the requests. Returns 0 without memory. */
static int make_requests(const char *dir)
{
    snprintf(netns, sizeof netns, "%s/netns", dir);
    snprintf(leases, sizeof leases, "%s/leases", dir);
    snprintf(cache, sizeof cache, "%s/cache", dir);
    snprintf(state, sizeof state, "%s/state", dir);
    attachment = cni_dl_json(attachment_format, netns, leases, cache, state);
    namespace_file = cni_dl_json("{\"path\":%s}", netns);
    list = cni_dl_json("{\"options\":{\"cacheDir\":%s,\"stateDir\":%s}}", cache, state);
    return attachment != NULL && namespace_file != NULL && list != NULL;
}

static int failures;

static void expect(int truth, const char *what)
{
    printf("%s %s\n", truth ? "ok  " : "FAIL", what);
    failures += !truth;
}

/* Makes one call and prints an error. If response is given, the caller frees it with cni_free. */
static int call(
    int (*verb)(const char *, char **), const char *what, const char *request, char **response)
{
    char *answer = NULL;
    int rc = verb(request, &answer);
    if (rc != 0)
        fprintf(stderr, "%s: %s\n%s\n", what, cni_strerror(rc), answer);
    expect(rc == 0, what);
    if (response)
        *response = answer;
    else
        cni_free(answer);
    return rc;
}

static struct sockaddr_in tcp_address(const char *ip, unsigned short port)
{
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    inet_pton(AF_INET, ip, &address.sin_addr);
    return address;
}

/* Returns a TCP socket with timeouts of five seconds. */
static int patient_socket(void)
{
    struct timeval limit = {5, 0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit); /* also accept */
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit); /* also connect */
    return fd;
}

/* The container's web server: a socket that listens in its namespace. A separate thread enters the
 * namespace, opens the socket and exits. libcni never changes the namespace of a caller's thread.
 */
static void *container_listener(void *path)
{
    static int listener;
    struct sockaddr_in at = tcp_address("0.0.0.0", CONTAINER_PORT);
    int ns = open(path, O_RDONLY | O_CLOEXEC);
    listener = -1;
    if (ns >= 0 && setns(ns, CLONE_NEWNET) == 0) {
        listener = patient_socket();
        if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 1) != 0)
            perror("listen in the container");
    }
    if (ns >= 0)
        close(ns);
    return &listener;
}

/* Answers one connection with a page. */
static void serve(int listener)
{
    static const char page[] = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n" PAGE;
    char request[512];
    int fd = accept(listener, NULL, NULL);
    if (fd < 0 || read(fd, request, sizeof request) <= 0 || write(fd, page, sizeof page - 1) < 0)
        perror("serve");
    if (fd >= 0)
        close(fd);
}

/* Fetches the page from the published port of the host. */
static int fetch(void)
{
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    char answer[512] = "";
    struct sockaddr_in to = tcp_address("127.0.0.1", HOST_PORT);
    pthread_t thread;
    void *listener;
    if (pthread_create(&thread, NULL, container_listener, netns) != 0)
        return 0;
    pthread_join(thread, &listener);
    int fd = patient_socket();
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
        write(fd, request, sizeof request - 1) > 0) {
        serve(*(int *)listener);
        for (size_t n = 0, got = 1; got > 0 && got < sizeof answer - n; n += got) {
            ssize_t r = read(fd, answer + n, sizeof answer - 1 - n);
            got = r > 0 ? (size_t)r : 0;
        }
    } else {
        perror("connect to the published port");
    }
    close(fd);
    close(*(int *)listener);
    return strstr(answer, "\r\n\r\n" PAGE) != NULL;
}

/* Lists the host's interfaces except the bridge, which remains for the network's next container. */
static int host_interfaces(void)
{
    int count = 0;
    struct if_nameindex *all = if_nameindex();
    for (struct if_nameindex *i = all; i && i->if_index; i++)
        count += strcmp(i->if_name, BRIDGE) != 0;
    if (all)
        if_freenameindex(all);
    return count;
}

static void life(void)
{
    char *response;
    int before = host_interfaces();
    if (call(cni_netns_create, "the namespace is created", namespace_file, NULL) != 0)
        return;
    if (call(cni_add, "the container is attached", attachment, &response) == 0) {
        printf("%s\n", response);
        expect(host_interfaces() == before + 1, "the host has its end of the veth pair");
        expect(fetch(), "the page is fetched through port 8080 of the host");
        call(cni_check, "the attachment is unchanged", attachment, NULL);
    }
    cni_free(response);
    call(cni_del, "the container is detached", attachment, NULL);

    /* The peer in the container is removed with the host end of the veth pair. */
    expect(host_interfaces() == before, "the veth pair is removed");
    if (call(cni_attachments, "the attachments are listed", list, &response) == 0)
        expect(strstr(response, "\"attachments\":[]") != NULL, "no attachment is left");
    cni_free(response);
    call(cni_netns_delete, "the namespace is deleted", namespace_file, NULL);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status, (void)type, (void)where;
    return remove(path);
}

int main(int argc, char **argv)
{
    char template[] = "/tmp/cni-quickstart-XXXXXX";
    const char *dir = argc > 1 ? argv[1] : mkdtemp(template);
    if (dir == NULL) {
        perror(template);
        return 1;
    }
    printf("libcni %s, state in %s\n", cni_version(), dir);
    if (!make_requests(dir)) {
        perror("quickstart");
        return 1;
    }
    life();
    free(attachment);
    free(namespace_file);
    free(list);
    if (dir == template)
        expect(nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0, "the directory is removed");
    return failures ? 1 : 0;
}
