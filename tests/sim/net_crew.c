#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "sim/net_private.h"

struct net_crew {
    void (*work)(void *state, size_t number);
    void *state;
    size_t count;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t begins, ends;
    size_t next, busy; /* number to be taken; threads that work */
    bool over;
    size_t threads;
    pthread_t thread[]; /* without the one that calls */
};

/* Locked before and after. */
static void work(struct net_crew *crew)
{
    crew->busy++;
    while (crew->next < crew->count) {
        size_t number = crew->next++;
        pthread_mutex_unlock(&crew->lock);
        crew->work(crew->state, number);
        pthread_mutex_lock(&crew->lock);
    }
    crew->busy--;
}

static void *be_one_of_them(void *state)
{
    struct net_crew *crew = state;
    pthread_mutex_lock(&crew->lock);
    while (!crew->over) {
        work(crew);
        if (crew->busy == 0)
            pthread_cond_signal(&crew->ends);
        while (!crew->over && crew->next == crew->count)
            pthread_cond_wait(&crew->begins, &crew->lock);
    }
    pthread_mutex_unlock(&crew->lock);
    return NULL;
}

struct net_crew *net_crew_new(unsigned threads, void (*work_on)(void *state, size_t number),
                              void *state, size_t count)
{
    struct net_crew *crew = calloc(1, sizeof *crew + threads * sizeof crew->thread[0]);
    assert(crew != NULL);
    crew->work = work_on;
    crew->state = state;
    crew->count = count;
    crew->next = count;
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->begins, NULL);
    pthread_cond_init(&crew->ends, NULL);
    while (crew->threads + 1 < threads &&
           pthread_create(&crew->thread[crew->threads], NULL, be_one_of_them, crew) == 0)
        crew->threads++; /* with fewer it only takes longer */
    return crew;
}

void net_crew_work(struct net_crew *crew)
{
    pthread_mutex_lock(&crew->lock);
    crew->next = 0;
    pthread_cond_broadcast(&crew->begins);
    work(crew);
    while (crew->busy > 0)
        pthread_cond_wait(&crew->ends, &crew->lock);
    pthread_mutex_unlock(&crew->lock);
}

void net_crew_free(struct net_crew *crew)
{
    if (crew == NULL)
        return;
    pthread_mutex_lock(&crew->lock);
    crew->over = true;
    pthread_cond_broadcast(&crew->begins);
    pthread_mutex_unlock(&crew->lock);
    for (size_t i = 0; i < crew->threads; i++)
        pthread_join(crew->thread[i], NULL);
    pthread_mutex_destroy(&crew->lock);
    pthread_cond_destroy(&crew->begins);
    pthread_cond_destroy(&crew->ends);
    free(crew);
}
