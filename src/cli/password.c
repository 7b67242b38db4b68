#include "cli/password.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"

void password_wipe(struct password *password)
{
    explicit_bzero(password, sizeof *password);
}

void password_add(struct request *request, const char *key, const struct password *password)
{
    request_secret(request, key, bytes_of(password->text, password->len));
}

/* ---- reading ---- */

/* Returns 1 with a byte, 0 at the end, -1 with *why. */
static int read_byte(int fd, int watched, char *out, enum status *why)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = watched, .events = POLLIN}};
        if (watched >= 0 && poll(fds, 2, -1) >= 0 && fds[1].revents != 0) {
            *why = STATUS_CANCELLED;
            return -1;
        }
        if (watched >= 0 && fds[0].revents == 0)
            continue;
        ssize_t got = read(fd, out, 1);
        if (got >= 0)
            return (int)got;
        if (errno == EINTR)
            continue;
        *why = STATUS_IO;
        return -1;
    }
}

/* Byte by byte: what stands behind the line is left for who reads next. */
enum status password_read(int fd, int watched, struct password *out)
{
    enum status status = STATUS_OK;
    char byte;
    int got;
    out->len = 0;
    while ((got = read_byte(fd, watched, &byte, &status)) > 0 && byte != '\n') {
        if (byte == 0)
            status = STATUS_MALFORMED;
        else if (out->len < PASSWORD_MAX)
            out->text[out->len++] = byte;
        else
            status = STATUS_TOO_BIG;
    }
    if (out->len > 0 && out->text[out->len - 1] == '\r')
        out->len--;
    out->text[out->len] = 0;
    return status == STATUS_OK && out->len == 0 ? STATUS_REFUSED : status;
}

enum status password_ask(int terminal, int watched, FILE *err, const char *prompt,
                         struct password *out)
{
    struct termios before, quiet;
    bool changed = tcgetattr(terminal, &before) == 0;
    if (changed) {
        quiet = before;
        quiet.c_lflag |= ICANON | ISIG;
        quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
        quiet.c_iflag |= ICRNL;
        quiet.c_cc[VSUSP] = _POSIX_VDISABLE; /* stopped here, the terminal would stay mute */
        changed = tcsetattr(terminal, TCSAFLUSH, &quiet) == 0;
    }
    fprintf(err, "%s: ", prompt); /* now: who answers at once is not echoed either */
    fflush(err);
    enum status status = password_read(terminal, watched, out);
    if (changed)
        tcsetattr(terminal, TCSAFLUSH, &before);
    fprintf(err, "\n");
    fflush(err);
    return status;
}

/* ---- where it comes from ---- */

static json_t *failure_of(enum status status, const char *from)
{
    switch (status) {
    case STATUS_OK:
        return NULL;
    case STATUS_REFUSED:
        return failure_new("usage", EXIT_USAGE, NULL, "the password is empty");
    case STATUS_TOO_BIG:
        return failure_new("usage", EXIT_USAGE, NULL, "a password has at most %d bytes",
                           PASSWORD_MAX);
    case STATUS_MALFORMED:
        return failure_new("usage", EXIT_USAGE, NULL, "a password has no zero byte; %s has one",
                           from);
    case STATUS_CANCELLED:
        return failure_new("interrupted", EXIT_INTERRUPTED, NULL, "interrupted");
    default:
        return failure_of_errno("read", from);
    }
}

static json_t *take_from_file(struct cli *cli, const char *path, struct password *out)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failure_of_errno("read", path);
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & 077) != 0)
        cli_note(cli, "note: others may read %s; chmod 600 keeps it to you", path);
    json_t *error = failure_of(password_read(fd, -1, out), path);
    close(fd);
    return error;
}

static json_t *take_from_fd(const char *flag, double number, struct password *out)
{
    char name[64];
    snprintf(name, sizeof name, "--%s %.0f", flag, number);
    return failure_of(password_read((int)number, -1, out), name);
}

static bool same(const struct password *a, const struct password *b)
{
    return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static json_t *ask_twice(struct cli *cli, const char *prompt, int interrupt, struct password *out)
{
    struct password again = {0};
    enum status status = password_ask(STDIN_FILENO, interrupt, cli->err, prompt, out);
    if (status == STATUS_OK)
        status = password_ask(STDIN_FILENO, interrupt, cli->err, "the same again", &again);
    bool other = status == STATUS_REFUSED && out->len > 0; /* the second one alone is empty */
    json_t *error = other ? NULL : failure_of(status, "the terminal");
    if (error == NULL && !same(out, &again))
        error = failure_new("usage", EXIT_USAGE, NULL, "the two passwords are not the same");
    password_wipe(&again);
    return error;
}

static json_t *take_from_person(struct cli *cli, const struct password_wish *wish,
                                struct password *out)
{
    int interrupt = interrupt_open();
    json_t *error;
    if (wish->chosen)
        error = ask_twice(cli, wish->prompt, interrupt, out);
    else
        error = failure_of(password_ask(STDIN_FILENO, interrupt, cli->err, wish->prompt, out),
                           "the terminal");
    if (interrupt_take(interrupt) == SIGTERM && error != NULL)
        json_object_set_new(error, "exit", json_integer(EXIT_TERMINATED));
    interrupt_close(interrupt);
    out->asked = true;
    return error;
}

static json_t *take(struct cli *cli, const struct password_wish *wish, struct password *out)
{
    const struct arguments *arguments = cli->arguments;
    const char *file = arguments_text(arguments, wish->file_flag, NULL);
    const char *environment = getenv("KADPEER_PASSWORD_FILE");
    if (wish->in_line && cli->typed_password != NULL) {
        size_t len = strlen(cli->typed_password);
        if (len > PASSWORD_MAX)
            return failure_of(STATUS_TOO_BIG, "");
        memcpy(out->text, cli->typed_password, len + 1);
        out->len = len;
        return failure_of(len == 0 ? STATUS_REFUSED : STATUS_OK, "");
    }
    if (file != NULL)
        return take_from_file(cli, file, out);
    if (arguments_has(arguments, wish->fd_flag))
        return take_from_fd(wish->fd_flag, arguments_number(arguments, wish->fd_flag, 0), out);
    if (wish->environment && environment != NULL && environment[0] != 0)
        return take_from_file(cli, environment, out);
    if (!terminal_can_ask())
        return failure_new("usage", EXIT_USAGE, "--password-file F, or KADPEER_PASSWORD_FILE",
                           "%s is wanted, and there is no terminal to ask on", wish->prompt);
    return take_from_person(cli, wish, out);
}

static size_t characters(const struct password *password)
{
    size_t count = 0;
    for (size_t i = 0; i < password->len; i++)
        count += (password->text[i] & 0xc0) != 0x80;
    return count;
}

json_t *password_take(struct cli *cli, const struct password_wish *wish, struct password *out)
{
    *out = (struct password){0};
    json_t *error = take(cli, wish, out);
    if (error != NULL)
        password_wipe(out);
    else if (wish->chosen && characters(out) < PASSWORD_SHORT)
        cli_note(cli,
                 "note: fewer than %d characters; whoever gets the keystore's file guesses that "
                 "soon",
                 PASSWORD_SHORT);
    return error;
}
