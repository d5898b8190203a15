/* Callers made of nothing: asks as fast, or at the rate, that it is told, and checks every answer.
 *
 *   load json PORT CONNECTIONS SECONDS RATE MODEL KEY
 *   load sse  PORT STREAMS     TOKENS  PACE_US MODEL KEY
 *   load idle PORT CONNECTIONS SECONDS
 *
 * json: closed loop where RATE is 0, else an open loop whose latency counts from the intended moment.
 * sse: starts the streams spread over four paces, and takes each event's age from the time it carries.
 * idle: holds connections that ask nothing. One JSON object is printed; latencies are microseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 65536 };

struct caller {
    int fd, busy;
    char *in;
    size_t have;
    int64_t since;
    long tokens, in_body;
};

static struct caller *callers;
static int poll_fd, count, port;
static const char *model, *key;
static uint32_t *lat, *first;
static size_t lats, firsts, most;
static long done, failed, tokens_wanted, pace_us, streams_over;

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int by_size(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double at(uint32_t *values, size_t n, double part) {
    return n ? values[(size_t)((double)(n - 1) * part)] / 1000.0 : 0;
}

static void note(uint32_t *values, size_t *n, int64_t ns) {
    if (*n < most) values[(*n)++] = ns > 4000000000LL ? 4000000000u : ns < 0 ? 0 : (uint32_t)ns;
}

static int dial(void) {
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (struct sockaddr *)&to, sizeof to)) { perror("connect"); exit(1); }
    return fd;
}

static void ask(struct caller *c, int64_t since) {
    static unsigned turn;
    char body[2048], out[4096], pad[512];
    size_t padding = 100 + (turn++ * 97) % 400; /* no two requests that follow each other are as long */
    memset(pad, 'p', padding);
    pad[padding] = 0;
    int n = tokens_wanted
        ? snprintf(body, sizeof body, "{\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}],\"model\":\"%s\","
                   "\"max_tokens\":%ld,\"seed\":%ld,\"stream\":true}", pad, model, tokens_wanted, pace_us)
        : snprintf(body, sizeof body, "{\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}],\"model\":\"%s\"}", pad, model);
    int size = snprintf(out, sizeof out,
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept-Encoding: identity\r\n"
        "Connection: keep-alive\r\nAccept: application/json\r\nContent-Type: application/json\r\n"
        "User-Agent: AsyncOpenAI/Python 2.0\r\nX-Stainless-Lang: python\r\nX-Stainless-Retry-Count: 0\r\n"
        "Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", port, key, n, body);
    c->since = since;
    c->busy = 1;
    c->have = 0;
    c->tokens = c->in_body = 0;
    if (send(c->fd, out, (size_t)size, MSG_NOSIGNAL) != size) { failed++; c->busy = 0; }
}

static int whole_json(struct caller *c) {
    c->in[c->have] = 0;
    char *end = strstr(c->in, "\r\n\r\n");
    if (!end) return 0;
    char *length = strcasestr(c->in, "content-length:");
    if (!length || length > end) return strstr(end, "\r\n0\r\n\r\n") != 0;
    return c->have >= (size_t)(end + 4 - c->in) + strtoul(length + 15, 0, 10);
}

/* Takes what is whole of the stream; returns 1 at its end. */
static int read_events(struct caller *c, int64_t t) {
    c->in[c->have] = 0;
    if (!c->in_body) {
        char *end = strstr(c->in, "\r\n\r\n");
        if (!end) return 0;
        if (strncmp(c->in, "HTTP/1.1 200", 12)) failed++;
        c->in_body = 1;
        c->have -= (size_t)(end + 4 - c->in);
        memmove(c->in, end + 4, c->have + 1);
    }
    char *from = c->in, *stop;
    int over = 0;
    while ((stop = strstr(from, "\n\n"))) {
        char *stamp = strstr(from, "\"content\":\"");
        if (stamp && stamp < stop) {
            if (!c->tokens++) note(first, &firsts, t - c->since);
            note(lat, &lats, t - strtoll(stamp + 11, 0, 10));
        } else if (strstr(from, "[DONE]"))
            over = 1;
        from = stop + 2;
    }
    c->have -= (size_t)(from - c->in);
    memmove(c->in, from, c->have + 1);
    return over;
}

static void hear(struct caller *c) {
    ssize_t n = recv(c->fd, c->in + c->have, ROOM - c->have, MSG_DONTWAIT);
    if (n <= 0) {
        if (n < 0 && errno == EAGAIN) return;
        if (c->busy) failed++;
        if (tokens_wanted && c->busy) streams_over++;
        close(c->fd);
        c->busy = 0;
        c->fd = dial();
        epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = c});
        return;
    }
    c->have += (size_t)n;
    if (!c->busy) return; /* what is left of a stream's end */
    int64_t t = now();
    if (tokens_wanted) {
        if (!read_events(c, t)) return;
        if (c->tokens != tokens_wanted) failed++;
        done++;
        streams_over++;
    } else {
        if (!whole_json(c)) return;
        if (strncmp(c->in, "HTTP/1.1 200", 12)) failed++;
        note(lat, &lats, t - c->since);
        done++;
    }
    c->busy = 0;
}

static int listen_once(int timeout_ns) {
    struct epoll_event events[512];
    struct timespec wait = {0, timeout_ns};
    int n = epoll_pwait2(poll_fd, events, 512, &wait, 0);
    for (int i = 0; i < n; i++) hear(events[i].data.ptr);
    return n;
}

static void run_json(double seconds, double rate) {
    int64_t begin = now(), end = begin + (int64_t)(seconds * 1e9), next = begin;
    int free_one = 0;
    while (now() < end) {
        if (rate <= 0) {
            for (int i = 0; i < count; i++)
                if (!callers[i].busy) ask(&callers[i], now());
            listen_once(100000000);
            continue;
        }
        int64_t left = next - now();
        if (left > 0) { listen_once((int)(left > 100000000 ? 100000000 : left)); continue; }
        for (int i = 0; i < count; i++, free_one = (free_one + 1) % count)
            if (!callers[free_one].busy) break;
        if (callers[free_one].busy) { listen_once(100000); continue; }
        ask(&callers[free_one], next);
        next += (int64_t)(1e9 / rate);
    }
}

static void run_sse(void) {
    int64_t begin = now(), step = pace_us * 4000 / count;
    int started = 0;
    int64_t end = begin + (tokens_wanted + 4) * pace_us * 1000 * 3 + 5000000000LL;
    while (streams_over < count && now() < end) {
        while (started < count && now() >= begin + started * step) {
            ask(&callers[started], now());
            started++;
        }
        listen_once(started < count ? 100000 : 20000000);
    }
    failed += count - streams_over;
}

int main(int argc, char **argv) {
    if (argc < 5) return 2;
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int sse = !strcmp(argv[1], "sse"), idle = !strcmp(argv[1], "idle");
    port = atoi(argv[2]);
    count = atoi(argv[3]);
    model = argc > 6 ? argv[6] : "m";
    key = argc > 7 ? argv[7] : "none";
    most = 8000000;
    lat = malloc(most * sizeof *lat);
    first = malloc(most * sizeof *first);
    callers = calloc((size_t)count, sizeof *callers);
    poll_fd = epoll_create1(0);
    for (int i = 0; i < count; i++) {
        callers[i].in = idle ? 0 : malloc(ROOM + 1);
        callers[i].fd = dial();
        if (!idle)
            epoll_ctl(poll_fd, EPOLL_CTL_ADD, callers[i].fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = &callers[i]});
    }
    if (idle) {
        printf("{\"held\": %d}\n", count);
        fflush(stdout);
        usleep((useconds_t)(atof(argv[4]) * 1e6));
        return 0;
    }
    if (sse) { tokens_wanted = atol(argv[4]); pace_us = atol(argv[5]); }
    int64_t begin = now();
    if (sse) run_sse(); else run_json(atof(argv[4]), atof(argv[5]));
    double seconds = (double)(now() - begin) / 1e9;
    size_t tokens = lats;
    qsort(lat, lats, sizeof *lat, by_size);
    qsort(first, firsts, sizeof *first, by_size);
    printf("{\"done\": %ld, \"failed\": %ld, \"seconds\": %.4f, \"p50\": %.1f, \"p99\": %.1f, \"tokens\": %zu, "
           "\"first_p50\": %.1f, \"first_p99\": %.1f}\n",
           done, failed, seconds, at(lat, lats, 0.5), at(lat, lats, 0.99), sse ? tokens : 0,
           at(first, firsts, 0.5), at(first, firsts, 0.99));
    return 0;
}
