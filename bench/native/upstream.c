/* An engine made of nothing: answers as fast as one core can, so that the gateway is what is measured.
 *
 *   upstream PORT
 *
 * One thread, epoll. A POST gets 690 bytes of JSON; with "stream":true it gets `max_tokens` server-sent
 * events, `seed` microseconds apart (0: at once). Each event carries the CLOCK_MONOTONIC time at which
 * it was sent, in nanoseconds, as its content.
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

enum { ROOM = 65536, MOST = 65536 };

struct conn {
    char *in;
    size_t have, room;
    long left;         /* events still to send */
    int64_t due, pace; /* ns */
};

static struct conn conns[MOST];
static int heap[MOST], waiting, poll_fd;
static char json_answer[2048];
static size_t json_size;

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void swap(int a, int b) { int t = heap[a]; heap[a] = heap[b]; heap[b] = t; }

static void push(int fd) {
    int at = waiting++;
    heap[at] = fd;
    while (at && conns[heap[at]].due < conns[heap[(at - 1) / 2]].due) {
        swap(at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static int pop(void) {
    int top = heap[0], at = 0;
    heap[0] = heap[--waiting];
    for (;;) {
        int least = at, child = 2 * at + 1;
        for (int c = child; c < child + 2 && c < waiting; c++)
            if (conns[heap[c]].due < conns[heap[least]].due) least = c;
        if (least == at) return top;
        swap(at, least);
        at = least;
    }
}

static void forget(int fd) {
    conns[fd].left = -1; /* a heap entry that is still there is passed over */
    conns[fd].have = 0;
    close(fd);
}

static void say(int fd, const char *data, size_t size) {
    if (send(fd, data, size, MSG_NOSIGNAL) < 0 && errno != EAGAIN) conns[fd].left = 0;
}

static size_t event(char *out) {
    char text[256];
    int n = snprintf(text, sizeof text,
        "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":"
        "[{\"index\":0,\"delta\":{\"content\":\"%lld\"}}]}\n\n", (long long)now());
    return (size_t)sprintf(out, "%x\r\n%s\r\n", n, text);
}

static void tick(int fd) {
    char out[512];
    struct conn *c = &conns[fd];
    size_t size = event(out);
    if (--c->left == 0) size += (size_t)sprintf(out + size, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
    say(fd, out, size);
}

static void stream(int fd, const char *body) {
    static const char head[] = "HTTP/1.1 200 OK\r\nServer: upstream\r\nContent-Type: text/event-stream\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    struct conn *c = &conns[fd];
    const char *count = strstr(body, "\"max_tokens\":"), *pace = strstr(body, "\"seed\":");
    c->left = count ? atol(count + 13) : 16;
    c->pace = pace ? atol(pace + 7) * 1000 : 0;
    say(fd, head, sizeof head - 1);
    if (c->pace) {
        c->due = now() + c->pace;
        push(fd);
    } else
        while (c->left > 0) tick(fd);
}

static void answer(int fd) {
    struct conn *c = &conns[fd];
    for (;;) {
        c->in[c->have] = 0;
        char *end = strstr(c->in, "\r\n\r\n");
        if (!end) return;
        char *length = strcasestr(c->in, "\r\ncontent-length:");
        size_t whole = (size_t)(end + 4 - c->in) + (length && length < end ? strtoul(length + 17, 0, 10) : 0);
        if (whole >= c->room) {
            c->room = whole + ROOM;
            c->in = realloc(c->in, c->room + 1);
        }
        if (c->have < whole) return;
        char kept = c->in[whole];
        c->in[whole] = 0;
        if (strstr(end, "\"stream\":true"))
            stream(fd, end);
        else
            say(fd, json_answer, json_size);
        c->in[whole] = kept;
        memmove(c->in, c->in + whole, c->have - whole);
        c->have -= whole;
    }
}

static void take(int listener) {
    int fd, one = 1;
    while ((fd = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MOST) { close(fd); continue; }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct conn *c = &conns[fd];
        if (!c->in) { c->in = malloc(ROOM + 1); c->room = ROOM; }
        c->have = 0;
        c->left = -1;
        epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = fd});
    }
}

static void hear(int fd) {
    struct conn *c = &conns[fd];
    ssize_t n = recv(fd, c->in + c->have, c->room - c->have, 0);
    if (n > 0) {
        c->have += (size_t)n;
        answer(fd);
    } else if (n == 0 || errno != EAGAIN)
        forget(fd);
}

static void write_json(void) {
    char content[600];
    memset(content, 'x', 500);
    content[500] = 0;
    char body[1024];
    int n = snprintf(body, sizeof body,
        "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":"
        "{\"role\":\"assistant\",\"content\":\"%s\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":11,"
        "\"completion_tokens\":7,\"total_tokens\":18}}", content);
    json_size = (size_t)sprintf(json_answer,
        "HTTP/1.1 200 OK\r\nServer: upstream\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", n, body);
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    write_json();
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 4096)) { perror("listen"); return 1; }
    socklen_t size = sizeof at;
    getsockname(listener, (struct sockaddr *)&at, &size);
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    poll_fd = epoll_create1(0);
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.fd = listener});
    struct epoll_event events[512];
    for (;;) {
        struct timespec wait = {1, 0};
        if (waiting) {
            int64_t left = conns[heap[0]].due - now();
            if (left < 0) left = 0;
            wait = (struct timespec){left / 1000000000, left % 1000000000};
        }
        int n = epoll_pwait2(poll_fd, events, 512, &wait, 0);
        for (int i = 0; i < n; i++) events[i].data.fd == listener ? take(listener) : hear(events[i].data.fd);
        for (int64_t t = now(); waiting && conns[heap[0]].due <= t;) {
            int fd = pop();
            if (conns[fd].left <= 0) continue;
            tick(fd);
            conns[fd].due += conns[fd].pace;
            if (conns[fd].left > 0) push(fd);
        }
    }
}
