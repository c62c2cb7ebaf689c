/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: the minimum of requests to the kernel. One RTM_NEWLINK makes the pair, with one end in
 * the namespace and the other on the bridge and up. One message inside sets the link up and adds an
 * address and the default route. There are no checks and no state, and nothing is undone.
 *
 * Arguments: the index before that of the first link, unique among the floors; and the number of
 * queues of each end, "default" or "1". The kernel's default is one for each processor, which costs
 * two waits for all processors.
 *
 *     init BRIDGE ADDRESS/PREFIX                            makes the bridge
 *     add NETNS BRIDGE NAME ADDRESS/PREFIX GATEWAY          NAME is the host's end
 *     del NAME
 */
#define _GNU_SOURCE
#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

struct batch {
    char data[2048];
    size_t size;
    int messages;
};

static _Thread_local int host_socket = -1, home = -1;
static atomic_int
    last_index; /* of the host's ends; the peers' is 1000, so that nothing must be asked */
static int one_queue;

static void give_back(char *response) { free(response); }

static struct nlmsghdr *begin_message(
    struct batch *b, int type, int flags, const void *header, size_t size)
{
    struct nlmsghdr *m = (struct nlmsghdr *)(b->data + b->size);
    memset(m, 0, NLMSG_SPACE(size));
    *m = (struct nlmsghdr){.nlmsg_len = NLMSG_LENGTH(size),
        .nlmsg_type = type,
        .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags};
    memcpy(NLMSG_DATA(m), header, size);
    b->messages++;
    return m;
}

static struct rtattr *put(struct nlmsghdr *m, int type, const void *value, size_t size)
{
    struct rtattr *a = (struct rtattr *)((char *)m + NLMSG_ALIGN(m->nlmsg_len));
    a->rta_type = type;
    a->rta_len = RTA_LENGTH(size);
    memset(RTA_DATA(a), 0, RTA_SPACE(size) - RTA_LENGTH(0));
    if (value != NULL)
        memcpy(RTA_DATA(a), value, size);
    m->nlmsg_len = NLMSG_ALIGN(m->nlmsg_len) + RTA_SPACE(size);
    return a;
}

static void close_nest(struct nlmsghdr *m, struct rtattr *nest)
{
    nest->rta_len = (char *)m + m->nlmsg_len - (char *)nest;
}

static void end_message(struct batch *b, struct nlmsghdr *m)
{
    b->size += NLMSG_ALIGN(m->nlmsg_len);
}

/** Sends all messages at once and reads an answer to each. */
static int transact(int socket, const struct batch *b)
{
    char answer[8192];
    if (send(socket, b->data, b->size, 0) < 0)
        return -errno;
    for (int left = b->messages; left > 0;) {
        ssize_t got = recv(socket, answer, sizeof answer, 0);
        if (got < 0)
            return -errno;
        struct nlmsghdr *m = (struct nlmsghdr *)answer;
        for (; NLMSG_OK(m, (size_t)got); m = NLMSG_NEXT(m, got)) {
            int error = ((struct nlmsgerr *)NLMSG_DATA(m))->error;
            if (m->nlmsg_type == NLMSG_ERROR && error != 0)
                return error;
            left--;
        }
    }
    return 0;
}

static int open_socket(void) { return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE); }

static int socket_inside(int ns)
{
    if (setns(ns, CLONE_NEWNET) != 0)
        return -errno;
    int fd = open_socket();
    if (setns(home, CLONE_NEWNET) != 0)
        abort();
    return fd;
}

static void put_queues(struct nlmsghdr *m)
{
    unsigned one = 1;
    if (one_queue) {
        put(m, IFLA_NUM_TX_QUEUES, &one, sizeof one);
        put(m, IFLA_NUM_RX_QUEUES, &one, sizeof one);
    }
}

static int make_pair(int ns, const char *bridge, const char *name)
{
    struct batch b = {0};
    struct ifinfomsg host = {.ifi_index = ++last_index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP},
                     peer = {.ifi_index = 1000};
    unsigned master = if_nametoindex(bridge);
    struct nlmsghdr *m =
        begin_message(&b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &host, sizeof host);
    put(m, IFLA_IFNAME, name, strlen(name) + 1);
    put(m, IFLA_MASTER, &master, sizeof master);
    put_queues(m);
    struct rtattr *info = put(m, IFLA_LINKINFO, NULL, 0);
    put(m, IFLA_INFO_KIND, "veth", 4);
    struct rtattr *data = put(m, IFLA_INFO_DATA, NULL, 0);
    struct rtattr *other = put(m, VETH_INFO_PEER, &peer, sizeof peer);
    put(m, IFLA_IFNAME, "eth0", 5);
    put(m, IFLA_NET_NS_FD, &ns, sizeof ns);
    put_queues(m);
    close_nest(m, other);
    close_nest(m, data);
    close_nest(m, info);
    end_message(&b, m);
    return transact(host_socket, &b);
}

static void put_address(struct batch *b, unsigned index, const char *address, int flags)
{
    char text[64];
    snprintf(text, sizeof text, "%s", address);
    char *slash = strchr(text, '/');
    *slash = '\0';
    struct in_addr ip;
    inet_pton(AF_INET, text, &ip);
    struct ifaddrmsg header = {
        .ifa_family = AF_INET, .ifa_prefixlen = atoi(slash + 1), .ifa_index = index};
    struct nlmsghdr *m = begin_message(b, RTM_NEWADDR, flags, &header, sizeof header);
    put(m, IFA_LOCAL, &ip, sizeof ip);
    put(m, IFA_ADDRESS, &ip, sizeof ip);
    end_message(b, m);
}

static int configure(int socket, const char *address, const char *gateway)
{
    struct batch b = {0};
    struct ifinfomsg up = {.ifi_index = 1000, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    end_message(&b, begin_message(&b, RTM_NEWLINK, 0, &up, sizeof up));
    put_address(&b, 1000, address, NLM_F_CREATE | NLM_F_EXCL);
    struct rtmsg route = {.rtm_family = AF_INET,
        .rtm_table = RT_TABLE_MAIN,
        .rtm_protocol = RTPROT_BOOT,
        .rtm_type = RTN_UNICAST};
    struct in_addr via;
    inet_pton(AF_INET, gateway, &via);
    struct nlmsghdr *m =
        begin_message(&b, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &route, sizeof route);
    put(m, RTA_GATEWAY, &via, sizeof via);
    end_message(&b, m);
    return transact(socket, &b);
}

static int add(const char *request)
{
    char netns[256], bridge[32], name[32], address[64], gateway[64];
    if (sscanf(request, "%255s %31s %31s %63s %63s", netns, bridge, name, address, gateway) != 5)
        return -EINVAL;
    int ns = open(netns, O_RDONLY | O_CLOEXEC);
    if (ns < 0)
        return -errno;
    int rc = make_pair(ns, bridge, name);
    if (rc == 0) {
        int inside = socket_inside(ns);
        rc = inside < 0 ? -errno : configure(inside, address, gateway);
        close(inside);
    }
    close(ns);
    return rc;
}

static int del(const char *name)
{
    struct batch b = {0};
    struct ifinfomsg header = {0};
    struct nlmsghdr *m = begin_message(&b, RTM_DELLINK, 0, &header, sizeof header);
    put(m, IFLA_IFNAME, name, strlen(name) + 1);
    end_message(&b, m);
    return transact(host_socket, &b);
}

static int init(const char *request)
{
    char bridge[32], address[64];
    struct batch b = {0};
    if (sscanf(request, "%31s %63s", bridge, address) != 2)
        return -EINVAL;
    struct ifinfomsg header = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    struct nlmsghdr *m =
        begin_message(&b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof header);
    put(m, IFLA_IFNAME, bridge, strlen(bridge) + 1);
    struct rtattr *info = put(m, IFLA_LINKINFO, NULL, 0);
    put(m, IFLA_INFO_KIND, "bridge", 6);
    close_nest(m, info);
    end_message(&b, m);
    int rc = transact(host_socket, &b);
    if (rc != 0)
        return rc;
    b = (struct batch){0};
    put_address(&b, if_nametoindex(bridge), address, NLM_F_CREATE);
    return transact(host_socket, &b);
}

static int perform(const char *method, const char *request, char **response)
{
    if (host_socket < 0) {
        host_socket = open_socket();
        home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    }
    int rc = strcmp(method, "add") == 0   ? add(request)
             : strcmp(method, "del") == 0 ? del(request)
                                          : init(request);
    if (rc != 0 && asprintf(response, "%s %s: %s", method, request, strerror(-rc)) < 0)
        *response = NULL;
    return rc;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    last_index = atoi(argv[1]);
    one_queue = strcmp(argv[2], "1") == 0;
    serve();
    return 0;
}
