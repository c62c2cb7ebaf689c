/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of one container on a network: a namespace, cni_add, a TCP round trip, cni_check, cni_del, nothing left.
 *
 *     cc quickstart.c $(pkg-config --cflags --libs libcni) -pthread && sudo unshare --net ./a.out
 *
 * Everything it writes is in a temporary directory, or in the one given as argument. It needs the rights to change
 * the network: make demo runs it in a network of its own.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <cni.h>
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
#define GATEWAY "10.88.7.1"

/* A request: what the container and the network are, and where state is kept. A real caller leaves options out. The
 * configuration is the one that would stand in /etc/cni/net.d; the two plugins in it are built in. */
static const char request_format[] =
    "{\"containerId\":\"demo\",\"netns\":\"%1$s/netns\","
    " \"network\":{\"cniVersion\":\"1.1.0\",\"name\":\"demo\",\"plugins\":[{"
    "   \"type\":\"bridge\",\"bridge\":\"" BRIDGE "\",\"isGateway\":true,"
    "   \"ipam\":{\"type\":\"host-local\",\"dataDir\":\"%1$s/leases\",\"ranges\":[[{\"subnet\":\"10.88.7.0/24\"}]]}}]},"
    " \"options\":{\"cacheDir\":\"%1$s/cache\",\"stateDir\":\"%1$s/state\"}}";
static const char namespace_format[] = "{\"path\":\"%1$s/netns\"}";
static const char list_format[] = "{\"options\":{\"cacheDir\":\"%1$s/cache\",\"stateDir\":\"%1$s/state\"}}";

static int failures;

static void expect(int truth, const char *what)
{
    printf("%s %s\n", truth ? "ok  " : "FAIL", what);
    failures += !truth;
}

/* One call: 0, or the error on standard error. The response, if wanted, is the caller's and goes to cni_free. */
static int call(
    int (*verb)(const char *, char **), const char *what, const char *format, const char *dir, char **response)
{
    char request[4096], *answer = NULL;
    if (response)
        *response = NULL;
    if (snprintf(request, sizeof request, format, dir) >= (int)sizeof request) {
        expect(0, "the path of the directory is short enough");
        return -1;
    }
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

static struct sockaddr_in server_address(void)
{
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(8080);
    inet_pton(AF_INET, GATEWAY, &address.sin_addr);
    return address;
}

/* A TCP socket that waits for nothing longer than five seconds. */
static int patient_socket(void)
{
    struct timeval limit = {5, 0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit); /* accept, too */
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit); /* connect, too */
    return fd;
}

/* The container's side: asks. This thread enters the namespace for good, which a program's own thread may do; libcni
 * leaves the threads of its callers where they are. */
static void *container(void *path)
{
    static char answer[5];
    struct sockaddr_in to = server_address();
    int ns = open(path, O_RDONLY | O_CLOEXEC);
    if (ns < 0 || setns(ns, CLONE_NEWNET) != 0)
        return answer;
    int fd = patient_socket();
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0 || write(fd, "ping", 4) != 4 || read(fd, answer, 4) != 4)
        answer[0] = '\0';
    close(fd);
    close(ns);
    return answer;
}

/* The host's side: listens on the bridge's address and answers one connection. */
static int round_trip(const char *dir)
{
    char path[4096], heard[5] = "";
    struct sockaddr_in at = server_address();
    pthread_t thread;
    void *answer = "";
    snprintf(path, sizeof path, "%s/netns", dir);
    int listener = patient_socket();
    if (bind(listener, (struct sockaddr *)&at, sizeof at) == 0 && listen(listener, 1) == 0 &&
        pthread_create(&thread, NULL, container, path) == 0) {
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0 && (read(fd, heard, 4) != 4 || write(fd, "pong", 4) != 4))
            heard[0] = '\0';
        if (fd >= 0)
            close(fd);
        pthread_join(thread, &answer);
    }
    close(listener);
    return strcmp(heard, "ping") == 0 && strcmp(answer, "pong") == 0;
}

/* Interfaces of the host, the bridge aside: it stays for the next container of the network. */
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

static void life(const char *dir)
{
    char *response;
    int before = host_interfaces();
    if (call(cni_netns_create, "the namespace is made", namespace_format, dir, NULL) != 0)
        return;
    if (call(cni_add, "the container is attached", request_format, dir, &response) == 0) {
        printf("%s\n", response);
        expect(host_interfaces() == before + 1, "the host has its end of the cable");
        expect(round_trip(dir), "a TCP connection from the container to " GATEWAY);
        call(cni_check, "it is as it was made", request_format, dir, NULL);
    }
    cni_free(response);
    call(cni_del, "the container is detached", request_format, dir, NULL);

    /* The two ends of a cable live and die together: the container's is gone, too. */
    expect(host_interfaces() == before, "the cable is gone");
    if (call(cni_attachments, "what is attached can be listed", list_format, dir, &response) == 0)
        expect(strstr(response, "\"attachments\":[]") != NULL, "nothing is attached");
    cni_free(response);
    call(cni_netns_delete, "the namespace is deleted", namespace_format, dir, NULL);
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
    life(dir);
    if (dir == template)
        expect(nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0, "the directory is removed");
    return failures ? 1 : 0;
}
