#include "io/work.h"

static void run(uv_work_t *request)
{
    struct work *work = request->data;
    work->run(work->user);
}

static void done(uv_work_t *request, int code)
{
    struct work *work = request->data;
    work->done(work->user, code == UV_ECANCELED);
}

void work_start(struct work *work, uv_loop_t *loop, void (*run_it)(void *user),
                void (*when_done)(void *user, bool cancelled), void *user)
{
    work->run = run_it;
    work->done = when_done;
    work->user = user;
    work->request.data = work;
    uv_queue_work(loop, &work->request, run, done);
}

bool work_cancel(struct work *work)
{
    return uv_cancel((uv_req_t *)&work->request) == 0;
}
